# Fine-Gray models of two kinds. (1) Effects that change with time: crr of cmprsk with cov2 and tf, carried to convergence.
# (2) Delayed entry: survival::finegray and coxph, whose robust variance takes the weights as known: the infinitesimal jackknife
# is by differences. finegray puts events before censorings and crr does not, so that all times there differ.
source("../writing.R")
fit <- function(t, s, x, z, tf, code = 1) {
  f <- crr(t, s, cov1 = x, cov2 = z, tf = tf, failcode = code, gtol = 1e-13, maxiter = 60)
  for (again in 1:3) {                                # a full Newton step where its line search gives up on rounding
    f <- crr(t, s, cov1 = x, cov2 = z, tf = tf, failcode = code, gtol = 1e-30, maxiter = 0, init = c(f$coef + f$invinf %*% f$score))
  }
  stopifnot(max(abs(f$invinf %*% f$score) / sqrt(diag(f$invinf))) < 1e-10)
  f
}
named <- function(f) list(coef = unname(f$coef), se = unname(sqrt(diag(f$var))), covariance = unname(f$var),
                          naive = unname(sqrt(diag(f$invinf))), loglik = c(f$loglik.null, f$loglik), time = f$uftime,
                          baseline = cumsum(f$bfitj), schoenfeld = unname(f$res))

# whole numbers of days, heavy ties; times start at 1, for crr takes a censoring at time 0 for earlier than an event there
set.seed(401)
n <- 240
d <- data.frame(group = sample(c("a_none", "b_ik6", "c_whole"), n, TRUE), age = round(runif(n, 1, 18), 1), male = rbinom(n, 1, 0.5))
rate <- 0.07 * exp(0.8 * (d$group == "b_ik6") + 0.4 * (d$group == "c_whole") - 0.04 * d$age)
relapse <- rexp(n, rate); death <- rexp(n, 0.04 * exp(0.3 * d$male)); end <- runif(n, 4, 30)
d$time <- pmax(1, ceiling(pmin(relapse, death, end)))
d$status <- ifelse(end <= pmin(relapse, death), 0, ifelse(relapse <= death, 1, 2))
write_inputs(d, "patients")
X <- model.matrix(~ group + age + male, d)[, -1]
ik <- X[, 1:2]; age <- X[, "age"]; male <- X[, "male", drop = FALSE]
pbc <- read.csv("../founding/pbc_cc.csv")
P <- as.matrix(pbc[, c("age", "lbili", "edema")])
linear <- fit(d$time, d$status, X, ik, function(t) cbind(t, t))
number <- fit(d$time, d$status, X, age, function(t) log(t))
several <- fit(d$time, d$status, X, cbind(male, male, age), function(t) cbind(t, t^2, sqrt(t)))
new <- rbind(c(0, 0, 8, 1), c(1, 0, 3.5, 0), c(0, 1, 12, 1))
at <- c(2, 6, 15, 25)
incidence <- function(f, z) {
  steps <- findInterval(at, f$uftime)
  lapply(seq_len(nrow(new)), function(i) predict(f, new[i, ], z[i, ])[steps, 2])
}

# delayed entry, no two times alike, entries and ends alike in none
set.seed(402)
m <- 220
e <- data.frame(x = round(rnorm(m), 3), arm = rbinom(m, 1, 0.5), site = rep(c("n", "s"), m / 2))
relapse <- rexp(m, 0.10 * exp(0.5 * e$arm - 0.3 * e$x)); death <- rexp(m, 0.06 * exp(0.2 * e$x)); end <- runif(m, 2, 15)
e$time <- pmin(relapse, death, end)
e$status <- ifelse(end <= pmin(relapse, death), 0, ifelse(relapse <= death, 1, 2))
e$entry <- ifelse(runif(m) < 0.4, 0, rexp(m, 0.35))
e <- e[e$entry < e$time, ]
e$id <- seq_len(nrow(e))
stopifnot(!anyDuplicated(c(e$time, e$entry[e$entry > 0])))
write_inputs(transform(e, time = sprintf("%.17g", time), entry = sprintf("%.17g", entry)), "entering")
e$what <- factor(e$status, 0:2)
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)

# The weights from their definition with case weights w: a row after a competing event at T weighs at t the product over the
# censorings v in [T, t) of 1 - w censored / w at risk, divided by the product over the entries l in [T, t) of 1 - w entering /
# w at risk just after l; within site. One row a row and event time, 0 where it is not at risk.
weights_at <- function(d, code, w, site) {
  tau <- sort(d$time[d$status == code])
  out <- outer(d$time, tau, ">=") & outer(d$entry, tau, "<")
  for (k in unique(site)) {
    own <- site == k; from <- d$entry[own]; to <- d$time[own]; v <- w[own]
    gone <- sapply(to, function(u) 1 - ifelse(d$status[own][to == u] == 0, v[to == u], 0) / sum(v[from < u & to >= u]))
    came <- sapply(from, function(u) { after <- from <= u & to > u; 1 - sum(v[from == u]) / sum(v[after]) })
    came[from < min(to)] <- 1                                    # entries before every end concern nobody
    came[duplicated(from)] <- 1
    total <- function(u) exp(colSums(log(pmax(gone, 1e-300)) * outer(to, u, "<")) - colSums(log(came) * outer(from, u, "<")))
    competing <- which(own & !d$status %in% c(0, code))
    later <- outer(1 / total(d$time[competing]), total(tau) * (tau <= max(to)))
    past <- outer(d$time[competing], tau, "<")
    out[competing, ][past] <- later[past]
  }
  out + 0
}
score <- function(d, x, code, b, w, site) {
  tau <- sort(d$time[d$status == code]); who <- match(tau, d$time)
  r <- w * exp(c(x %*% b)) * weights_at(d, code, w, site)
  colSums(w[who] * (x[who, ] - crossprod(r, x) / colSums(r)))
}
delayed <- function(d, code = 1, site = rep(1, nrow(d))) {
  x <- as.matrix(d[, c("x", "arm")]); tau <- sort(d$time[d$status == code]); one <- rep(1, nrow(d))
  W <- weights_at(d, code, one, site)
  long <- expand.grid(row = seq_len(nrow(d)), at = seq_along(tau)); long$w <- c(W); long <- long[long$w > 0, ]
  long$event <- d$status[long$row] == code & d$time[long$row] == tau[long$at]
  f <- coxph(Surv(at - 1, at, event) ~ x[row, ], long, weights = long$w, ties = "breslow", control = tight, robust = FALSE)
  if (all(site == 1)) {                                          # survival's own weights, which know one site alone
    theirs <- finegray(Surv(entry, time, what) ~ x + arm + id, d, etype = as.character(code), id = id, timefix = FALSE)
    g <- coxph(Surv(fgstart, fgstop, fgstatus) ~ x + arm, theirs, weights = fgwt, ties = "breslow", control = tight, robust = FALSE)
    stopifnot(max(abs(coef(g) / coef(f) - 1)) < 1e-11, max(abs(g$var / f$var - 1)) < 1e-9, any(theirs$fgwt > 1))
    f <- g
  }
  # what the score gains with the weight of each row, by differences of fourth order: the infinitesimal jackknife
  h <- 2e-3
  slopes <- t(sapply(seq_len(nrow(d)), function(i) {
    u <- function(k) { w <- one; w[i] <- 1 + k * h; score(d, x, code, coef(f), w, site) }
    (8 * (u(1) - u(-1)) - (u(2) - u(-2))) / (12 * h)
  }))
  V <- f$var
  list(coef = unname(coef(f)), naive = unname(sqrt(diag(V))), loglik = f$loglik, score_residuals = unname(slopes),
       se = unname(sqrt(diag(V %*% crossprod(slopes) %*% V))))
}

write_case(list(
  linear = named(linear), number = named(number), several = named(several),
  step = named(fit(d$time, d$status, X, male, function(t) as.numeric(t > 6))),
  log1p_death = named(fit(d$time, d$status, X, male, function(t) log1p(t), code = 2)),
  pbc = named(fit(pbc$years, pbc$status, P, P[, "lbili"], function(t) log(t), code = 2)),
  at = at,
  incidence = list(linear = incidence(linear, new[, 1:2]), number = incidence(number, new[, 3, drop = FALSE]),
                   several = incidence(several, new[, c(4, 4, 3)])),
  delayed = delayed(e), delayed_death = delayed(e, 2), delayed_sites = delayed(e, site = e$site)))
