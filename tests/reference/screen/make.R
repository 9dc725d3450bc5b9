# A screen: coxph for each of twelve features beside three adjusters (Efron, Breslow, strata; Wald, likelihood-ratio and
# score tests), crr for each, p.adjust and qvalue.
source("../writing.R")
set.seed(7411)
n <- 220
d <- data.frame(age = round(runif(n, 1, 17), 1), down = rbinom(n, 1, .15), group = sample(c("a_none", "b_ik6", "c_whole"), n, TRUE, c(.6, .2, .2)),
                protocol = sample(c("p", "q", "r"), n, TRUE))
base <- rnorm(n)
x <- sapply(1:12, function(k) round(c(0, .7)[1 + (k %% 3 == 0)] * base + rnorm(n), 3))
x[, 4] <- rbinom(n, 1, .3); x[, 5] <- round(exp(2 * x[, 5]), 4); x[, 6] <- 1000 + 0.01 * x[, 6]
x[sample(n, 15), 7] <- NA; x[sample(n, 15), 8] <- NA; x[is.na(x[, 8]), 9] <- NA
colnames(x) <- paste0("pep", 1:12)
risk <- exp(.04 * d$age + c(a_none = 0, b_ik6 = .7, c_whole = .4)[d$group] + .5 * x[, 1] - .4 * x[, 3] + .4 * x[, 4])
d$time <- pmin(floor(rexp(n, .015 * risk)), sample(20:50, n, TRUE)) + 1
d$status <- ifelse(d$time > 19 & runif(n) < .6, 0, sample(1:2, n, TRUE, c(.7, .3)))
d$age[c(7, 90)] <- NA
d <- cbind(d, x)
write_inputs(d, "patients")

tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)
single <- function(name, ties, stratified) {
  own <- d[complete.cases(d[, c("age", name)]), ]
  adjust <- paste0("Surv(time, status == 1) ~ age + down + group", if (stratified) " + strata(protocol)" else "")
  small <- coxph(as.formula(adjust), own, ties = ties, control = tight)
  large <- coxph(as.formula(paste(adjust, "+", name)), own, ties = ties, control = tight)
  # the score test of the feature: at the coefficients of the adjusters the others have none
  start <- coxph(as.formula(paste(adjust, "+", name)), own, ties = ties, init = c(coef(small), 0), control = coxph.control(iter.max = 0))
  k <- length(coef(large)); sd <- sd(own[[name]])
  data.frame(term = name, n = large$n, n_event = large$nevent, estimate = unname(coef(large)[k]), std_error = sqrt(large$var[k, k]), sd = sd,
             likelihood_ratio = 2 * (large$loglik[2] - small$loglik[2]), score = start$score)
}
rows <- function(ties, stratified) do.call(rbind, lapply(colnames(x), single, ties, stratified))
subdistribution <- function(name) {
  own <- d[complete.cases(d[, c("age", name)]), ]
  a <- model.matrix(as.formula(paste("~ age + down + group +", name)), own)[, -1]
  scale <- apply(a, 2, sd)
  f <- crr(own$time, own$status, scale(a), gtol = 1e-12, maxiter = 100)
  k <- ncol(a)
  data.frame(term = name, n = nrow(own), estimate = unname(f$coef[k] / scale[k]), std_error = sqrt(f$var[k, k]) / scale[k], row.names = NULL)
}
efron <- rows("efron", FALSE)
p <- 2 * pnorm(-abs(efron$estimate / efron$std_error))
many <- c(runif(900), rbeta(108, .2, 4))
suppressPackageStartupMessages(library(qvalue))
q <- qvalue(many, pi0.method = "bootstrap")
write_case(list(
  efron = efron, breslow = rows("breslow", FALSE), strata = rows("efron", TRUE), crr = do.call(rbind, lapply(colnames(x), subdistribution)),
  p = p, bh = p.adjust(p, "BH"), by = p.adjust(p, "BY"), holm = p.adjust(p, "holm"), lr_p = pchisq(efron$likelihood_ratio, 1, lower.tail = FALSE),
  many = many, many_pi0 = q$pi0, many_q = q$qvalues))
cat(paste("qvalue", packageVersion("qvalue")), "\n", file = "session.txt", append = TRUE, sep = "")
