# coxph with strata, clusters, robust variance, Breslow's ties, offset, weights and late entry, carried to convergence;
# residuals, dfbetas and baselines.
source("../writing.R")
set.seed(41207)
n <- 260
d <- data.frame(group = sample(c("a_none", "b_ik6", "c_whole"), n, TRUE, c(.6, .2, .2)), age = round(runif(n, 1, 17), 1),
                protocol = sample(c("p", "q", "r"), n, TRUE), centre = sample(1:25, n, TRUE), w = sample(1:3, n, TRUE), frac = round(runif(n, .3, 2), 2))
d$shift <- round(rnorm(n, 0, .5), 2)
risk <- exp(c(a_none = 0, b_ik6 = .8, c_whole = .5)[d$group] + .03 * d$age + c(p = 0, q = .5, r = -.3)[d$protocol])
d$time <- pmin(floor(rexp(n, .02 * risk)), sample(15:45, n, TRUE)) + 1
d$status <- ifelse(runif(n) < .3, 0, sample(1:2, n, TRUE, c(.7, .3)))
d$entry <- pmax(0, pmin(sample(-10:12, n, TRUE), d$time - sample(1:4, n, TRUE)))
d$age[c(5, 60)] <- NA; d$protocol[9] <- NA; d$centre[11] <- NA; d$shift[20] <- NA
write_inputs(d, "patients")
d$row <- seq_len(n)

tight <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50)
model <- function(formula, weights = NULL, ...) {
  d$case_weight <- if (is.null(weights)) 1 else d[[weights]]
  environment(formula) <- environment()
  if (is.null(weights)) coxph(formula, d, control = tight, ...) else coxph(formula, d, weights = case_weight, control = tight, ...)
}
fit <- function(formula, weights = NULL, ...) {
  f <- model(formula, weights, ...)
  s <- summary(f)$coefficients
  list(term = names(coef(f)), coef = unname(coef(f)), se = unname(sqrt(diag(f$var))), loglik = f$loglik, score = f$score,
       wald = unname(f$wald.test), p = unname(s[, "Pr(>|z|)"]), n = f$n, nevent = f$nevent, var = unname(f$var))
}
rest <- function(formula, weights = NULL, ...) {
  f <- model(formula, weights, na.action = na.omit, ...)
  b <- basehaz(f, centered = FALSE)
  list(martingale = unname(residuals(f, "martingale")), deviance = unname(residuals(f, "deviance")), score = unname(residuals(f, "score")),
       dfbeta = unname(residuals(f, "dfbeta")), base_time = b$time, base = b$hazard, base_strata = if (is.null(b$strata)) NULL else as.character(b$strata))
}
new <- data.frame(group = c("a_none", "b_ik6", "c_whole"), age = c(3, 9, 15), protocol = c("p", "q", "r"))
ahead <- function(formula, weights = NULL, data = new, ...) {
  d$case_weight <- if (is.null(weights)) 1 else d[[weights]]
  environment(formula) <- environment()
  f <- if (is.null(weights)) coxph(formula, d, control = tight, ...) else coxph(formula, d, weights = case_weight, control = tight, ...)
  rows <- lapply(seq_len(nrow(data)), function(i) {
    s <- summary(survfit(f, newdata = data[i, ], conf.type = "log-log"), times = c(1, 5, 12, 20), extend = TRUE)
    data.frame(group = i - 1, time = s$time, estimate = as.vector(s$surv), std_error = as.vector(s$std.err), low = as.vector(s$lower), high = as.vector(s$upper))
  })
  do.call(rbind, rows)
}
any <- Surv(time, status > 0) ~ group + age
write_case(list(
  breslow = fit(any, ties = "breslow"),
  strata = fit(Surv(time, status > 0) ~ group + age + strata(protocol)),
  strata_breslow = fit(Surv(time, status > 0) ~ group + age + strata(protocol), ties = "breslow"),
  strata_cause = fit(Surv(time, status == 1) ~ group + age + strata(protocol)),
  robust = fit(any, robust = TRUE),
  robust_breslow = fit(any, robust = TRUE, ties = "breslow"),
  cluster = fit(Surv(time, status > 0) ~ group + age + cluster(centre)),
  strata_cluster = fit(Surv(time, status > 0) ~ group + age + strata(protocol) + cluster(centre)),
  offset = fit(Surv(time, status > 0) ~ group + age + offset(shift)),
  weights = fit(any, weights = "w"),
  weights_robust = fit(any, weights = "frac", robust = TRUE),
  entry = fit(Surv(entry, time, status > 0) ~ group + age + strata(protocol)),
  entry_robust = fit(Surv(entry, time, status > 0) ~ group + age + strata(protocol) + cluster(row)),
  entry_weights_cluster = fit(Surv(entry, time, status > 0) ~ group + age + strata(protocol) + cluster(centre), weights = "frac"),
  ahead = ahead(any),
  ahead_breslow = ahead(any, ties = "breslow"),
  ahead_robust = ahead(any, robust = TRUE),
  ahead_strata = ahead(Surv(entry, time, status > 0) ~ group + age + strata(protocol), weights = "w"),
  rest = rest(any),
  rest_breslow = rest(any, ties = "breslow"),
  rest_strata = rest(Surv(entry, time, status > 0) ~ group + age + strata(protocol), weights = "w")))
