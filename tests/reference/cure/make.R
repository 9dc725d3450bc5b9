# Mixture cure: likelihoods written out from the density and the survival of the mixture, their gradient by a complex step,
# maximised by optim from three starts and carried on by Newton's method; survival and cured fractions with delta-method
# errors by a complex step too.
source("../writing.R")
library(numDeriv)
set.seed(77310)
n <- 320
d <- data.frame(group = sample(c("a_none", "b_ik6", "c_whole"), n, TRUE, c(.6, .2, .2)), age = round(runif(n, 1, 17), 1), w = sample(1:3, n, TRUE))
odds <- exp(1.2 - c(a_none = 0, b_ik6 = 1.3, c_whole = .8)[d$group] - .03 * d$age)
cured <- runif(n) < odds / (1 + odds)
time <- ifelse(cured, Inf, (rexp(n) / (.25 * exp(c(a_none = 0, b_ik6 = .5, c_whole = .2)[d$group])))^(1 / 1.4))
end <- round(runif(n, 3, 11), 3)
d$time <- round(pmin(time, end), 3) + .004
d$status <- ifelse(time <= end, sample(1:2, n, TRUE, c(.85, .15)), 0)
d$entry <- ifelse(runif(n) < .35, round(d$time * runif(n, .1, .8), 4), 0)
d$age[c(3, 50)] <- NA
write_inputs(d, "patients")
d <- d[!is.na(d$age), ]
late <- d$entry > 0

log_hazard <- list(
  weibull = function(t, a) a[1] + a[2] + (exp(a[2]) - 1) * log(t),
  piecewise = function(t, a) a[findInterval(t, cuts, left.open = TRUE) + 1])
cumulative <- list(
  weibull = function(t, a) exp(a[1]) * t^exp(a[2]),
  piecewise = function(t, a) { from <- c(0, cuts); to <- c(cuts, Inf); h <- 0; for (j in seq_along(a)) h <- h + exp(a[j]) * pmax(0, pmin(t, to[j]) - from[j]); h })
cuts <- c(.8, 2)

model <- function(latency, cured, terms, died, weight, entry) {
  z <- model.matrix(cured, d); x <- model.matrix(terms, d)[, -1, drop = FALSE]; p <- ncol(z); q <- ncol(x); k <- if (latency == "weibull") 2 else length(cuts) + 1
  at <- function(theta, t, z, x) {                      # log density and log survival of the mixture
    b <- theta[p + seq_len(q)]; a <- theta[p + q + seq_len(k)]; share <- 1 / (1 + exp(-as.vector(z %*% theta[1:p])))
    risk <- exp(as.vector(x %*% b)); uncured <- exp(-cumulative[[latency]](t, a) * risk)
    list(f = log(1 - share) + log_hazard[[latency]](t, a) + log(risk) + log(uncured), S = log(share + (1 - share) * uncured), share = share)
  }
  loglik <- function(theta) {
    own <- at(theta, d$time, z, x); out <- sum(weight * ifelse(died, own$f, own$S))
    if (entry) out <- out - sum((weight * at(theta, ifelse(late, d$entry, 1), z, x)$S)[late])
    out
  }
  list(at = at, loglik = loglik, z = z, x = x, p = p, q = q, k = k)
}
complex_step <- function(f, theta) sapply(seq_along(theta), function(j) Im(f(replace(as.complex(theta), j, theta[j] + 1e-30i))) / 1e-30)
maximum <- function(m, died) {
  found <- lapply(c(-.5, .5, 1.5), function(odds) {
    start <- c(odds, rep(0, m$p - 1 + m$q), rep(log(sum(died) / sum(d$time)) + .7, m$k)); if (m$k == 2) start[length(start)] <- 0
    optim(start, function(theta) -m$loglik(theta), function(theta) -complex_step(m$loglik, theta), method = "BFGS", control = list(reltol = 1e-14, maxit = 500))
  })
  theta <- found[[which.min(sapply(found, `[[`, "value"))]]$par
  g <- function(theta) complex_step(m$loglik, theta)
  for (i in 1:50) { step <- solve(jacobian(g, theta), g(theta)); theta <- theta - step; if (max(abs(step)) < 1e-13) break }
  list(theta = theta, var = solve(-jacobian(g, theta)), loglik = m$loglik(theta), left = max(abs(g(theta))))
}
new <- data.frame(group = c("a_none", "b_ik6", "c_whole"), age = c(3, 9, 15))
times <- c(.5, 2, 6)
no_cure <- function(latency, terms, died, weight, entry) {
  m <- model(latency, ~ 1, terms, died, weight, entry)
  loglik <- function(theta) m$loglik(c(-60 + 0 * theta[1], theta))      # a share of e^-60
  at <- c(rep(0, m$q), rep(log(sum(died) / sum(d$time)), m$k)); if (m$k == 2) at[length(at)] <- 0
  at <- optim(at, function(theta) -loglik(theta), function(theta) -complex_step(loglik, theta), method = "BFGS", control = list(reltol = 1e-14, maxit = 500))$par
  g <- function(theta) complex_step(loglik, theta)
  for (i in 1:50) { step <- solve(jacobian(g, at), g(at)); at <- at - step; if (max(abs(step)) < 1e-13) break }
  loglik(at)
}
fit <- function(latency, cured, terms, cause = NULL, weight = rep(1, nrow(d)), entry = FALSE) {
  died <- if (is.null(cause)) d$status > 0 else d$status == cause
  m <- model(latency, cured, terms, died, weight, entry); top <- maximum(m, died)
  levels <- levels(factor(d$group)); n1 <- transform(new, group = factor(group, levels))
  z <- model.matrix(cured, n1); x <- model.matrix(terms, n1)[, -1, drop = FALSE]
  delta <- function(f) { J <- sapply(seq_along(top$theta), function(j) Im(f(replace(as.complex(top$theta), j, top$theta[j] + 1e-30i))) / 1e-30); J <- matrix(J, ncol = length(top$theta)); sqrt(diag(J %*% top$var %*% t(J))) }
  survival <- function(theta) as.vector(sapply(times, function(t) exp(m$at(theta, rep(t, 3), z, x)$S)))     # patients fastest
  share <- function(theta) m$at(theta, rep(1, 3), z, x)$share
  mean_share <- function(theta) sum(weight * m$at(theta, d$time, m$z, m$x)$share) / sum(weight)
  list(theta = top$theta, var = top$var, loglik = top$loglik, left = top$left, loglik_null = no_cure(latency, terms, died, weight, entry),
       survival = matrix(survival(top$theta), 3), survival_se = matrix(delta(survival), 3), share = share(top$theta), share_se = delta(share),
       mean_share = mean_share(top$theta), mean_share_se = delta(mean_share))
}
write_case(list(
  weibull = fit("weibull", ~ group + age, ~ group + age),
  weibull_apart = fit("weibull", ~ group, ~ age),
  weibull_alone = fit("weibull", ~ 1, ~ 1),
  weibull_cause = fit("weibull", ~ group, ~ group, cause = 1),
  weibull_entry = fit("weibull", ~ group + age, ~ group, weight = d$w, entry = TRUE),
  piecewise = fit("piecewise", ~ group + age, ~ group + age),
  piecewise_entry = fit("piecewise", ~ group, ~ age, weight = d$w, entry = TRUE)))
write(paste("numDeriv", packageVersion("numDeriv")), "session.txt", append = TRUE)
