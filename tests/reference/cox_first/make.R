# coxph with Efron's ties, carried to convergence (coxph stops at 1e-9 unless told otherwise).
source("../writing.R")
set.seed(90210)
n <- 240
d <- data.frame(group = sample(c("a_none", "b_ik6", "c_whole", "d_other"), n, TRUE, c(.55, .15, .15, .15)), age = round(runif(n, 1, 17), 1), male = rbinom(n, 1, .5))
risk <- exp(c(a_none = 0, b_ik6 = .9, c_whole = .7, d_other = .2)[d$group] + .04 * d$age)
d$time <- pmin(floor(rexp(n, .012 * risk)), sample(12:40, n, TRUE))
d$status <- ifelse(runif(n) < .25, 0, sample(1:2, n, TRUE, c(.7, .3)))
d$time[1:6] <- 0; d$status[1:6] <- c(1, 2, 1, 0, 1, 1)                              # events at time 0
d$entry <- pmax(0, pmin(sample(-10:10, n, TRUE), d$time - sample(1:4, n, TRUE)))
write_inputs(d, "patients")
late <- d[d$entry < d$time, ]
write_inputs(late, "late")

fit <- function(formula, data) {
  f <- coxph(formula, data, control = coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50))
  list(term = names(coef(f)), coef = unname(coef(f)), se = unname(sqrt(diag(f$var))), loglik = f$loglik, score = f$score,
       wald = unname(f$wald.test), lr = 2 * diff(f$loglik), p = unname(summary(f)$coefficients[, "Pr(>|z|)"]), n = f$n, nevent = f$nevent)
}
lung <- read.csv("../founding/lung.csv")
pbc <- read.csv("../founding/pbc_cc.csv")
write_case(list(
  lung = fit(Surv(time, status) ~ age + female + ph.ecog, lung),
  pbc_cc = fit(Surv(years, death) ~ age + edema + lbili + lalb + lpro, pbc),
  any_cause = fit(Surv(time, status > 0) ~ group + age + male, d),
  cause_1 = fit(Surv(time, status == 1) ~ group + age + male, d),
  cause_2 = fit(Surv(time, status == 2) ~ age + male, d),
  groups_only = fit(Surv(time, status > 0) ~ group, d),
  late = fit(Surv(entry, time, status > 0) ~ group + age + male, late),
  late_cause_1 = fit(Surv(entry, time, status == 1) ~ group + age, late)))
