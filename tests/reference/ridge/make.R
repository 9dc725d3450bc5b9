# coxph with ridge(): all terms and some, both rules for ties, strata, weights, offset, late entry, separation, more
# covariates than events; and the concordance of plain fits. Carried to convergence. Complete rows: ridge() takes the
# variance of a covariate over all rows of the data, those that are left out for another covariate included.
# Late entry with weights has Breslow's ties: with Efron's, coxph of survival 3.5.3 does not converge, and with theta = 1e-9
# gives other coefficients than without ridge(), which it should equal.
# R's df is a sum over terms; `trace` is that of all coefficients together, the same where all are in one ridge().
source("../writing.R")
set.seed(90317)
n <- 180
d <- data.frame(group = sample(c("a_none", "b_ik6", "c_whole"), n, TRUE, c(.6, .2, .2)), age = round(runif(n, 1, 17), 1),
                wbc = round(rlnorm(n, 3, 1), 1), protocol = sample(c("p", "q", "r"), n, TRUE), centre = sample(1:20, n, TRUE),
                w = sample(1:3, n, TRUE), frac = round(runif(n, .3, 2), 2))
d$shift <- round(rnorm(n, 0, .5), 2)
risk <- exp(c(a_none = 0, b_ik6 = .8, c_whole = .5)[d$group] + .03 * d$age + c(p = 0, q = .5, r = -.3)[d$protocol])
d$time <- pmin(floor(rexp(n, .02 * risk)), sample(15:45, n, TRUE)) + 1
d$status <- ifelse(runif(n) < .3, 0, 1)
d$entry <- pmax(0, pmin(sample(-10:12, n, TRUE), d$time - sample(1:4, n, TRUE)))
write_inputs(d, "patients")
few <- data.frame(time = 1:8, status = c(1, 1, 1, 0, 1, 0, 0, 0), x = c(4, 3, 5, -1, 2.5, -2, -3, -1.5), z = c(1, 0, 0, 1, 1, 0, 1, 0),
                  level = c("a", "b", "a", "c", "b", "c", "a", "c"))
write_inputs(few, "few")
set.seed(4); wide <- data.frame(time = round(rexp(15), 3), status = rbinom(15, 1, .7), round(matrix(rnorm(15 * 20), 15), 2))
names(wide)[-(1:2)] <- paste0("g", 1:20)
write_inputs(wide, "wide")

tight <- coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100)
d$ik6 <- as.numeric(d$group == "b_ik6"); d$whole <- as.numeric(d$group == "c_whole")
few$b <- as.numeric(few$level == "b"); few$c <- as.numeric(few$level == "c")
concorded <- function(f) unname(summary(f)$concordance)
fit <- function(formula, data = d, weights = NULL, ...) {
  data$case_weight <- if (is.null(weights)) 1 else data[[weights]]
  environment(formula) <- environment()
  f <- if (is.null(weights)) coxph(formula, data, control = tight, ...) else coxph(formula, data, weights = case_weight, control = tight, ...)
  b <- coef(f)
  list(coef = unname(b), se = unname(sqrt(diag(f$var))), var = unname(f$var), var2 = unname(f$var2), loglik = f$loglik, penalty = f$penalty[2],
       df = unname(f$df), trace = sum(diag(solve(f$var) %*% f$var2)), logtest = unname(summary(f)$logtest), wald = f$wald.test,
       aic = AIC(f), bic = BIC(f), concordance = concorded(f),
       p = pchisq((b / sqrt(diag(f$var)))^2, 1, lower.tail = FALSE), iter = f$iter[2])
}
rest <- function(formula, data = d, ...) {
  environment(formula) <- environment()
  f <- coxph(formula, data, control = tight, ...)
  b <- basehaz(f, centered = FALSE)
  list(martingale = unname(residuals(f, "martingale")), score = unname(residuals(f, "score")), dfbeta = unname(residuals(f, "dfbeta")),
       base_time = b$time, base = b$hazard)
}
plain <- function(formula, data = d, weights = NULL, ...) {
  data$case_weight <- if (is.null(weights)) 1 else data[[weights]]
  environment(formula) <- environment()
  f <- if (is.null(weights)) coxph(formula, data, control = tight, ...) else coxph(formula, data, weights = case_weight, control = tight, ...)
  concorded(f)
}
ahead <- function(formula, data = d) {
  environment(formula) <- environment()
  f <- coxph(formula, data, control = tight)
  s <- summary(survfit(f, newdata = data.frame(ik6 = 1, whole = 0, age = 9, wbc = 20), conf.type = "log-log"), times = c(1, 5, 12, 20), extend = TRUE)
  data.frame(group = 0, time = s$time, estimate = as.vector(s$surv), std_error = as.vector(s$std.err), low = as.vector(s$lower), high = as.vector(s$upper))
}
all <- Surv(time, status) ~ ridge(ik6, whole, age, wbc, theta = 4)
heart$surgery <- as.numeric(heart$surgery); heart$transplant <- as.numeric(heart$transplant == "1")
write_inputs(heart[c("start", "stop", "event", "age", "surgery", "transplant", "id")], "heart")
write_case(list(
  all = fit(all),
  breslow = fit(all, ties = "breslow"),
  strong = fit(Surv(time, status) ~ ridge(ik6, whole, age, wbc, theta = 200)),
  some = fit(Surv(time, status) ~ ik6 + whole + ridge(age, wbc, theta = 30)),
  strata = fit(Surv(time, status) ~ ridge(ik6, whole, age, wbc, theta = 4) + strata(protocol)),
  weights = fit(all, weights = "w"),
  offset = fit(Surv(time, status) ~ ridge(ik6, whole, age, wbc, theta = 4) + offset(shift)),
  entry = fit(Surv(entry, time, status) ~ ridge(ik6, whole, age, wbc, theta = 4) + strata(protocol)),
  entry_weights = fit(Surv(entry, time, status) ~ ridge(ik6, whole, age, wbc, theta = 4) + strata(protocol), weights = "w", ties = "breslow"),
  separated = fit(Surv(time, status) ~ ridge(x, z, theta = 1), few),
  empty = fit(Surv(time, status) ~ ridge(b, c, theta = 1) + z, few),
  wide = fit(as.formula(paste("Surv(time, status) ~ ridge(", paste0("g", 1:20, collapse = ", "), ", theta = 2)")), wide),
  rest = rest(all),
  ahead = ahead(all),
  rest_breslow = rest(all, ties = "breslow"),
  concordance = list(
    any = plain(Surv(time, status) ~ ik6 + whole + age), groups = plain(Surv(time, status) ~ ik6 + whole),
    strata = plain(Surv(time, status) ~ ik6 + whole + age + strata(protocol)),
    weights = plain(Surv(time, status) ~ ik6 + whole + age, weights = "w"),
    offset = plain(Surv(time, status) ~ ik6 + whole + age + offset(shift)),
    cluster = plain(Surv(time, status) ~ ik6 + whole + age + cluster(centre)),
    entry = plain(Surv(entry, time, status) ~ ik6 + whole + age + strata(protocol)),
    entry_weights_cluster = plain(Surv(entry, time, status) ~ ik6 + whole + age + strata(protocol) + cluster(centre), weights = "frac"),
    intervals = plain(Surv(start, stop, event) ~ age + surgery + transplant, heart),
    intervals_of_patients = plain(Surv(start, stop, event) ~ age + surgery + transplant + cluster(id), heart))))
