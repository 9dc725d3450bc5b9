# cox.zph and Schoenfeld residuals, exact ties, concordance (Harrell, Uno, strata, entry, weights, clusters, horizon, pairs) and
# nested models, of coxph carried to convergence.
source("../writing.R")
set.seed(90311)
n <- 240
d <- data.frame(group = sample(c("a_none", "b_ik6", "c_whole"), n, TRUE, c(.6, .2, .2)), age = round(runif(n, 1, 17), 1),
                mrd = sample(0:4, n, TRUE), protocol = sample(c("p", "q", "r"), n, TRUE), centre = sample(1:25, n, TRUE),
                w = sample(1:3, n, TRUE), frac = round(runif(n, .3, 2), 2))
risk <- exp(c(a_none = 0, b_ik6 = .8, c_whole = .5)[d$group] + .03 * d$age + .3 * d$mrd + c(p = 0, q = .5, r = -.3)[d$protocol])
d$time <- pmin(floor(rexp(n, .01 * risk)), sample(5:45, n, TRUE))
d$status <- ifelse(runif(n) < .35, 0, sample(1:2, n, TRUE, c(.7, .3)))
d$status[d$protocol == "q" & d$time < 4] <- 0                # nobody of q fails early
d$status[d$time == 0] <- rep(c(1, 0), length.out = sum(d$time == 0))
d$late <- d$time + 2
d$entry <- pmax(0, pmin(sample(-10:12, n, TRUE), d$late - sample(1:4, n, TRUE)))
d$score <- round(.03 * d$age + .3 * d$mrd + rnorm(n, 0, .4), 1)
d$other <- round(d$score + rnorm(n, 0, .5), 1)
d$age[c(5, 60)] <- NA
write_inputs(d, "patients")
complete <- d[!is.na(d$age), ]

tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60)
model <- function(formula, weights = NULL, data = d, ...) {
  data$case_weight <- if (is.null(weights)) 1 else as.numeric(data[[weights]])    # cox.zph takes no integers
  environment(formula) <- environment()
  if (is.null(weights)) coxph(formula, data, control = tight, ...) else coxph(formula, data, weights = case_weight, control = tight, ...)
}
test <- function(...) {
  f <- model(...)
  lapply(c(km = "km", rank = "rank", identity = "identity", log = "log"), function(g) {
    z <- cox.zph(f, transform = g)$table
    list(term = rownames(z), chisq = unname(z[, 1]), df = unname(z[, 2]), p = unname(z[, 3]))
  })
}
left <- function(...) {
  f <- model(...)
  s <- as.matrix(residuals(f, "schoenfeld"))
  list(time = as.numeric(rownames(s)), schoenfeld = unname(s), scaledsch = unname(as.matrix(residuals(f, "scaledsch"))))
}
any <- Surv(late, status > 0) ~ group + age + mrd
zph <- list(
  efron = test(any), breslow = test(any, ties = "breslow"), cause = test(Surv(late, status == 1) ~ group + age + mrd),
  strata = test(update(any, . ~ . + strata(protocol))),
  weights = test(any, weights = "w"), robust = test(any, weights = "frac", robust = TRUE),
  spline = test(Surv(late, status > 0) ~ group * mrd + poly(age, 2), data = complete),
  entry = test(Surv(entry, late, status > 0) ~ group + age + mrd + strata(protocol)),
  entry_weights = test(Surv(entry, late, status > 0) ~ group + age + mrd + strata(protocol), weights = "frac", ties = "breslow"))
schoenfeld <- list(
  efron = left(any), breslow = left(any, ties = "breslow"), strata = left(update(any, . ~ . + strata(protocol))),
  weights = left(any, weights = "w"),
  entry = left(Surv(entry, late, status > 0) ~ group + age + mrd + strata(protocol), weights = "frac"))

exact <- function(...) {
  f <- model(..., ties = "exact")
  list(coef = unname(coef(f)), var = unname(f$var), loglik = f$loglik, score = f$score, centre = unname(f$means))
}
few <- complete[1:60, ]                       # with late entry R walks through all subsets of the risk set
ties <- list(
  any = exact(any), coarse = exact(Surv(ceiling(late / 6), status > 0) ~ group + age + mrd),
  strata = exact(Surv(ceiling(late / 3), status > 0) ~ group + age + mrd + strata(protocol)),
  offset = exact(Surv(ceiling(late / 3), status > 0) ~ group + mrd + offset(age / 10)),
  entry = exact(Surv(entry, late, status > 0) ~ group + age + mrd, data = few),
  entry_strata = exact(Surv(entry, late, status > 0) ~ mrd + strata(protocol == "p"), data = few))

pairs <- function(formula, weights = NULL, ...) {
  d$case_weight <- if (is.null(weights)) 1 else d[[weights]]
  environment(formula) <- environment()
  z <- if (is.null(weights)) concordance(formula, d, reverse = TRUE, ...) else concordance(formula, d, weights = case_weight, reverse = TRUE, ...)
  count <- if (is.matrix(z$count)) colSums(z$count) else z$count
  list(estimate = z$concordance, var = z$var, count = unname(count), n = z$n)
}
two <- function(w, ...) {                    # covariance of two scores, from the influence of each row
  a <- concordance(Surv(time, status > 0) ~ score, d, reverse = TRUE, timewt = w, influence = 1, ...)
  b <- concordance(Surv(time, status > 0) ~ other, d, reverse = TRUE, timewt = w, influence = 1, ...)
  difference <- b$dfbeta - a$dfbeta
  list(estimate = c(a$concordance, b$concordance), se = sqrt(c(a$var, b$var)), difference = b$concordance - a$concordance,
       se_difference = sqrt(sum(difference^2)))
}
plain <- Surv(time, status > 0) ~ score
concord <- list(
  harrell = pairs(plain), cause = pairs(Surv(time, status == 1) ~ score), strata = pairs(Surv(time, status > 0) ~ score + strata(protocol)),
  tau = pairs(plain, ymax = 20), weights = pairs(plain, weights = "frac"), cluster = pairs(plain, cluster = d$centre),
  entry = pairs(Surv(entry, late, status > 0) ~ score), entry_strata = pairs(Surv(entry, late, status > 0) ~ score + strata(protocol), weights = "frac"),
  uno = pairs(plain, timewt = "n/G2"), uno_tau = pairs(plain, timewt = "n/G2", ymax = 20),
  uno_weights = pairs(plain, weights = "frac", timewt = "n/G2"),
  uno_strata = pairs(Surv(time, status > 0) ~ score + strata(protocol), timewt = "n/G2"),
  uno_cause = pairs(Surv(time, status == 1) ~ score, timewt = "n/G2", ymax = 30),
  two = two("n"), two_tau = two("n", ymax = 20), two_uno = two("n/G2"))

apart <- function(small, large, ...) {
  z <- anova(model(small, data = complete, ...), model(large, data = complete, ...))
  list(loglik = z$loglik, chisq = z$Chisq[2], df = z$Df[2], p = z[[ncol(z)]][2])
}
added <- function(large, columns, ...) {
  f <- model(large, data = complete, ...)
  b <- coef(f)[columns]
  list(chisq = drop(b %*% solve(f$var[columns, columns], b)), df = length(columns))
}
nested <- list(
  one = apart(Surv(late, status > 0) ~ age, Surv(late, status > 0) ~ age + group),
  strata = apart(Surv(late, status == 1) ~ age + strata(protocol), Surv(late, status == 1) ~ age + group * mrd + strata(protocol)),
  breslow = apart(Surv(late, status > 0) ~ age, Surv(late, status > 0) ~ age + mrd, ties = "breslow"),
  robust = added(any, 1:2, robust = TRUE), cluster = added(update(any, . ~ . + cluster(centre)), c(1, 2, 4)),
  weights = added(any, 4, weights = "frac", robust = TRUE))
write_case(list(zph = zph, schoenfeld = schoenfeld, exact = ties, concordance = concord, nested = nested))
