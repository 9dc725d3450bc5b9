# coxph with frailty(distribution = "gamma", method = "em"). R's outer loop stops when the marginal likelihood no longer
# moves, at a theta that is right to 5 or 6 digits; so the maximum is found here as the root of the derivative of R's own
# marginal likelihood at fixed theta (see `best`), and R's own end is kept beside it (`em`).
# R's default, for more than five clusters (sparse = TRUE), steps with a part of the second derivatives and stops short of the
# maximum: the coefficients are those of sparse = FALSE, the same maximum; its standard errors are kept for both.
source("../writing.R")
set.seed(60119)
n <- 400; clusters <- 30; theta <- .5
z <- rgamma(clusters, 1 / theta, 1 / theta)
d <- data.frame(centre = sample(clusters, n, TRUE), age = round(runif(n, 1, 17), 1), group = sample(c("a_none", "b_ik6"), n, TRUE, c(.7, .3)),
                protocol = sample(c("p", "q"), n, TRUE))
d$shift <- round(rnorm(n, 0, .3), 2)
d$time <- pmin(ceiling(rexp(n, .03 * z[d$centre] * exp(.7 * (d$group == "b_ik6") + .02 * d$age + (d$protocol == "q") * .4))), sample(20:60, n, TRUE))
d$status <- ifelse(runif(n) < .25, 0, 1)
d$entry <- pmax(0, pmin(sample(-20:10, n, TRUE), d$time - 1))
d$few <- d$centre %% 4
write_inputs(d, "patients")
flat <- d[c("time", "age", "group")]; flat$centre <- rep(1:40, each = 10)            # no frailty: more even than chance would have it
flat$status <- ave(seq_len(n), flat$centre, FUN = function(i) rep(0:1, 5)); flat <- flat[order(runif(n)), ]
write_inputs(flat, "flat")
write_inputs(kidney[c("id", "time", "status", "age", "sex")], "kidney")
rats$female <- as.numeric(rats$sex == "f"); write_inputs(rats[c("litter", "rx", "time", "status", "female")], "rats")
lung2 <- na.omit(lung[c("time", "status", "age", "sex", "inst")]); lung2$status <- lung2$status - 1; write_inputs(lung2, "lung")
d$ik6 <- as.numeric(d$group == "b_ik6"); flat$ik6 <- as.numeric(flat$group == "b_ik6")

tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 5000, outer.max = 500)
at <- function(terms, cluster, data, theta, sparse, ...) {
  f <- as.formula(paste0(terms, " + frailty(", cluster, ", distribution = 'gamma', theta = ", format(theta, digits = 17), ", sparse = ", sparse, ")"))
  suppressWarnings(coxph(f, data, control = tight, ...))
}
# dL / dv for v = 1 / theta at R's own log frailties w: sum of log v - digamma(v) + digamma(v + d) - log(v + d) + w + 1 - exp(w)
slope <- function(f, d, theta) {
  v <- 1 / theta; w <- coef(f)[grep("gamma:", names(coef(f)))]
  sum(log(v) - digamma(v) + digamma(v + d) - log(v + d) + w + 1 - exp(w))
}
marginal <- function(f) f$history[[1]]$c.loglik
best <- function(terms, cluster, data, range, ...) {
  d <- as.vector(tapply(data$status, data[[cluster]], sum))
  p <- length(all.vars(as.formula(terms)[[3]]))
  root <- uniroot(function(log_theta) slope(at(terms, cluster, data, exp(log_theta), FALSE, ...), d, exp(log_theta)), log(range), tol = 1e-14)
  theta <- exp(root$root)
  whole <- at(terms, cluster, data, theta, FALSE, ...); sparse <- at(terms, cluster, data, theta, TRUE, ...)
  em <- suppressWarnings(coxph(as.formula(paste0(terms, " + frailty(", cluster, ", distribution = 'gamma', method = 'em', eps = 1e-11)")), data, control = tight, ...))
  off <- sapply(c(.98, 1.02), function(k) marginal(at(terms, cluster, data, theta * k, FALSE, ...)))
  stopifnot(marginal(whole) >= max(off), marginal(whole) >= marginal(em) - 1e-8, abs(em$history[[1]]$theta / theta - 1) < 1e-3)
  k <- seq_along(coef(sparse))
  list(theta = theta, marginal = marginal(whole), coef = unname(coef(whole)[k]), se_whole = unname(sqrt(diag(whole$var))[k]),
       se = unname(sqrt(diag(sparse$var))[k]), fvar_whole = unname(diag(whole$var)[-k]),
       fvar = if (is.null(em$fvar)) NULL else unname(em$fvar), frail = unname(coef(whole)[-k]), loglik = whole$loglik,
       em_theta = em$history[[1]]$theta, em_marginal = marginal(em), em_coef = unname(coef(em)[k]), em_se = unname(sqrt(diag(em$var))[k]))
}
given <- Surv(time, status) ~ age + ik6
write_case(list(
  centres = best("Surv(time, status) ~ age + ik6", "centre", d, c(.05, 3)),
  breslow = best("Surv(time, status) ~ age + ik6", "centre", d, c(.05, 3), ties = "breslow"),
  strata = best("Surv(time, status) ~ age + ik6 + strata(protocol)", "centre", d, c(.05, 3)),
  offset = best("Surv(time, status) ~ age + ik6 + offset(shift)", "centre", d, c(.05, 3)),
  entry = best("Surv(entry, time, status) ~ age + ik6", "centre", d, c(.05, 3)),
  few = best("Surv(time, status) ~ age + ik6", "few", d, c(.001, 3)),
  kidney = best("Surv(time, status) ~ age + sex", "id", kidney, c(.05, 3)),
  rats = best("Surv(time, status) ~ rx + female", "litter", rats, c(.05, 3)),
  flat = list(theta = coxph(Surv(time, status) ~ age + ik6 + frailty(centre, method = "em", eps = 1e-11), flat)$history[[1]]$theta,
              coef = unname(coef(coxph(Surv(time, status) ~ age + ik6, flat, control = tight))),
              se = unname(sqrt(diag(coxph(Surv(time, status) ~ age + ik6, flat, control = tight)$var))),
              loglik = coxph(Surv(time, status) ~ age + ik6, flat, control = tight)$loglik),
  lung = list(theta = coxph(Surv(time, status) ~ age + sex + frailty(inst, method = "em", eps = 1e-11), lung2)$history[[1]]$theta,
              coef = unname(coef(coxph(Surv(time, status) ~ age + sex, lung2, control = tight))))))
