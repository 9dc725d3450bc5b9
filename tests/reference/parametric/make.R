# survreg carried to convergence: three families and the exponential, categories and numbers, a cause, weights; survival
# that they predict. Delayed entry, which survreg does not take, by a likelihood written out here, its gradient by a complex
# step (Weibull, log-logistic) or by formula (log-normal), and Newton's method.
source("../writing.R")
library(numDeriv)
set.seed(90413)
n <- 240
d <- data.frame(group = sample(c("a_none", "b_ik6", "c_whole"), n, TRUE, c(.6, .2, .2)), age = round(runif(n, 1, 17), 1), w = sample(1:3, n, TRUE))
d$time <- round(exp(1.4 - c(a_none = 0, b_ik6 = .7, c_whole = .4)[d$group] - .03 * d$age + .8 * log(rexp(n))), 3) + .005
end <- round(runif(n, 1, 7), 3)
d$status <- ifelse(d$time <= end, sample(1:2, n, TRUE, c(.8, .2)), 0)
d$time <- pmin(d$time, end)
d$entry <- ifelse(runif(n) < .4, round(d$time * runif(n, .1, .9), 4), 0)
d$age[c(7, 31)] <- NA
write_inputs(d, "patients")
d <- d[!is.na(d$age), ]

tight <- survreg.control(rel.tolerance = 1e-15, maxiter = 200)
families <- c(weibull = "weibull", log_normal = "lognormal", log_logistic = "loglogistic", exponential = "exponential")
new <- data.frame(group = c("a_none", "b_ik6", "c_whole"), age = c(3, 9, 15))
times <- c(.5, 2, 5)
fit <- function(formula, family, weights = NULL) {
  d$case_weight <- if (is.null(weights)) 1 else d[[weights]]
  environment(formula) <- environment()
  f <- survreg(formula, d, weights = case_weight, dist = families[[family]], control = tight)
  # one more Newton step of survreg's own from where it stopped, so that its stopping rule does not matter
  f <- survreg(formula, d, weights = case_weight, dist = families[[family]], control = tight, init = c(coef(f), if (family != "exponential") log(f$scale)))
  eta <- predict(f, new, type = "lp")
  survival <- sapply(times, function(t) 1 - psurvreg(t, eta, f$scale, distribution = families[[family]]))
  list(coef = unname(coef(f)), log_scale = log(f$scale), var = unname(f$var), loglik = f$loglik, df = sum(f$df), aic = AIC(f), survival = survival,
       median = unname(predict(f, new, type = "quantile", p = .5)))
}
any <- Surv(time, status > 0) ~ group + age
out <- list()
for (family in names(families)) {
  out[[family]] <- fit(any, family)
  out[[paste0(family, "_cause")]] <- fit(Surv(time, status == 1) ~ group + age, family)
  out[[paste0(family, "_weights")]] <- fit(any, family, "w")
}

x <- model.matrix(~ group + age, d); y <- log(d$time); died <- d$status > 0; late <- d$entry > 0; e <- log(ifelse(late, d$entry, 1))
# log of 1 + exp(z) that also takes complex numbers
softly <- function(z) log(1 + exp(z))
log_density <- list(weibull = function(z) z - exp(z), log_logistic = function(z) z - 2 * softly(z))
log_survival <- list(weibull = function(z) -exp(z), log_logistic = function(z) -softly(z))
loglik <- function(theta, family) {
  b <- theta[1:4]; s <- theta[5]
  z <- (y - x %*% b) / exp(s); ze <- (e - x %*% b) / exp(s)
  sum(d$w * (died * (log_density[[family]](z) - s - y) + (!died) * log_survival[[family]](z) - late * log_survival[[family]](ze)))
}
gradient <- function(theta, family) sapply(1:5, function(j) Im(loglik(replace(as.complex(theta), j, theta[j] + 1e-30i), family)) / 1e-30)
log_normal <- function(theta) {
  b <- theta[1:4]; s <- theta[5]; z <- as.vector(y - x %*% b) / exp(s); ze <- as.vector(e - x %*% b) / exp(s)
  sum(d$w * (died * (dnorm(z, log = TRUE) - s - y) + (!died) * pnorm(z, lower.tail = FALSE, log.p = TRUE) - late * pnorm(ze, lower.tail = FALSE, log.p = TRUE)))
}
gradient_normal <- function(theta) {
  b <- theta[1:4]; s <- theta[5]; z <- as.vector(y - x %*% b) / exp(s); ze <- as.vector(e - x %*% b) / exp(s)
  mills <- function(z) exp(dnorm(z, log = TRUE) - pnorm(z, lower.tail = FALSE, log.p = TRUE))
  g <- d$w * ifelse(died, -z, -mills(z)); ge <- d$w * late * mills(ze)
  c(-(t(x) %*% (g + ge)) / exp(s), sum(-z * g) - sum(ze * ge) - sum(d$w * died))
}
newton <- function(theta, gradient) {
  for (i in 1:60) { step <- solve(jacobian(gradient, theta), gradient(theta)); theta <- theta - step; if (max(abs(step)) < 1e-13) break }
  list(theta = unname(theta), var = unname(solve(-jacobian(gradient, theta))))
}
for (family in c("weibull", "log_logistic", "log_normal")) {
  g <- if (family == "log_normal") gradient_normal else function(theta) gradient(theta, family)
  l <- if (family == "log_normal") log_normal else function(theta) loglik(theta, family)
  start <- c(out[[family]]$coef, out[[family]]$log_scale)
  at <- newton(start, g)
  out[[paste0(family, "_entry")]] <- list(coef = at$theta[1:4], log_scale = at$theta[5], var = at$var, loglik = l(at$theta), left = max(abs(g(at$theta))))
}
write_case(out)
write(paste("numDeriv", packageVersion("numDeriv")), "session.txt", append = TRUE)
