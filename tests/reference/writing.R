# What every make.R shares: it runs in its own folder and writes values.json and session.txt there.
suppressPackageStartupMessages({library(survival); library(cmprsk); library(jsonlite)})
RNGkind("Mersenne-Twister", "Inversion", "Rejection")

write_case <- function(values) {
  write_json(values, "values.json", digits = NA, na = "null", auto_unbox = TRUE, pretty = FALSE)
  text <- gsub("},{", "},\n{", readLines("values.json"), fixed = TRUE)        # a row a line, so that a difference can be read
  writeLines(text, "values.json")
  versions <- sapply(c("survival", "cmprsk", "jsonlite"), function(p) paste(p, packageVersion(p)))
  writeLines(c(R.version.string, versions), "session.txt")
}

write_inputs <- function(d, name) write.csv(d, paste0(name, ".csv"), row.names = FALSE, quote = FALSE)

level <- function(strata) sub("^[^=]*=", "", as.character(strata))

# last follow-up of each group, and whether everybody had failed by then
beyond <- function(time, group, last, state0) time > last[group] & state0 > 0

# survfit with one event type, at times: one row a group and time
curve_rows <- function(fit, times, last) {
  s <- summary(fit, times = times, extend = TRUE)
  g <- if (is.null(s$strata)) rep("all", length(s$time)) else level(s$strata)
  data.frame(group = g, time = s$time, n_risk = s$n.risk, n_event = s$n.event, n_censor = s$n.censor,
             estimate = s$surv, std_error = s$std.err, low = s$lower, high = s$upper, beyond = beyond(s$time, g, last, s$surv))
}

# survfit with competing causes: one row a group, time and cause
state_rows <- function(fit, times, last) {
  s <- summary(fit, times = times, extend = TRUE)
  g <- if (is.null(s$strata)) rep("all", length(s$time)) else level(s$strata)
  do.call(rbind, lapply(seq_along(fit$states)[-1], function(j)
    data.frame(group = g, time = s$time, cause = fit$states[j], estimate = s$pstate[, j], std_error = s$std.err[, j],
               low = if (is.null(s$lower)) NA else s$lower[, j], high = if (is.null(s$upper)) NA else s$upper[, j],
               beyond = beyond(s$time, g, last, s$pstate[, 1]))))
}

# cuminc at times: curves are named "group cause"; it gives NA beyond a group's follow-up by itself
cuminc_rows <- function(fit, times, causes) {
  tp <- timepoints(fit[names(fit) != "Tests"], times)
  at <- as.numeric(colnames(tp$est))
  do.call(rbind, lapply(rownames(tp$est), function(r) {
    part <- regmatches(r, regexec("^(.*) ([0-9]+)$", r))[[1]]
    data.frame(group = part[2], time = at, cause = causes[as.integer(part[3])], estimate = tp$est[r, ], variance = tp$var[r, ], row.names = NULL)
  }))
}

# cmprsk writes 1 - pchisq; the upper tail itself is exact
gray_rows <- function(fit, causes)
  data.frame(cause = causes[as.integer(rownames(fit$Tests))], statistic = fit$Tests[, "stat"], df = fit$Tests[, "df"],
             p_value = pchisq(fit$Tests[, "stat"], fit$Tests[, "df"], lower.tail = FALSE), row.names = NULL)

# mean time lost to each cause up to tau, in one group. The influence of subject i on the incidence F(t) is the
# derivative of F(t) with respect to the case weight of i; the integral of F up to tau has the integral of these
# derivatives, and the infinitesimal jackknife variance is the sum of their squares.
lost_rows <- function(formula, d, tau, group) {
  fit <- survfit(formula, d, influence = TRUE)
  keep <- fit$time < tau
  width <- diff(c(fit$time[keep], tau))
  out <- do.call(rbind, lapply(seq_along(fit$states)[-1], function(j) {
    by_subject <- fit$influence.pstate[, which(keep) + 1, j] %*% width         # its first column is the start
    data.frame(group = group, cause = fit$states[j], estimate = sum(fit$pstate[keep, j] * width), std_error = sqrt(sum(by_subject^2)))
  }))
  if (min(fit$time) > 0) {            # survival's own, the same; with events at time 0 its summary mispairs influence and widths
    theirs <- summary(fit, rmean = tau)$table[fit$states[-1], c("rmean", "se(rmean)")]
    stopifnot(isTRUE(all.equal(out$estimate, theirs[, 1], check.attributes = FALSE, tolerance = 1e-10)),
              isTRUE(all.equal(out$std_error, theirs[, 2], check.attributes = FALSE, tolerance = 1e-10)))
  }
  out
}

# Aalen-Johansen with the Greenwood variance, from its definition: V(t) = (I + dA)' V(t-) (I + dA) + sum over causes k of
# S(t-)^2 dN_k (Y - dN_k) / Y^3 on (e_k - e_0)(e_k - e_0)' and the multinomial covariances of two causes at one time.
# At risk: entry < t <= time. Row 1 is the state without event, row k + 1 cause k.
greenwood_rows <- function(entry, time, status, causes, times, group, w = rep(1, length(time))) {
  K <- length(causes); p <- c(1, rep(0, K)); V <- matrix(0, K + 1, K + 1); out <- list()
  u <- sort(unique(time[status > 0]))
  record <- function(t) do.call(rbind, lapply(1:K, function(k)
    data.frame(group = group, time = t, cause = causes[k], estimate = p[k + 1], std_error = sqrt(V[k + 1, k + 1]))))
  done <- 0
  for (t in times) {
    for (x in u[u <= t & seq_along(u) > done]) {
      Y <- sum(w[entry < x & time >= x]); h <- sapply(1:K, function(k) sum(w[time == x & status == k])) / Y
      A <- diag(K + 1); A[1, ] <- A[1, ] + c(-sum(h), h)
      C <- (diag(h, K) - outer(h, h)) / Y                          # covariance of the jumps to the K causes
      B <- cbind(-rowSums(C), C); B <- rbind(-colSums(B), B)       # the state without event loses what they gain
      V <- t(A) %*% V %*% A + p[1]^2 * B
      p <- as.vector(p %*% A); done <- done + 1
    }
    out <- c(out, list(record(t)))
  }
  do.call(rbind, out)
}
