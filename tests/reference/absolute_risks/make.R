# Incidences predicted from the Cox models of all causes (survfit of a multi-state coxph), standardised risks with their
# influence-function standard errors (riskRegression::ate), and linear contrasts (multcomp::glht).
source("../writing.R")
suppressPackageStartupMessages({library(riskRegression); library(multcomp)})
set.seed(50921)
n <- 240
d <- data.frame(id = 1:n, group = factor(sample(c("none", "ik6", "whole"), n, TRUE, c(.6, .2, .2)), levels = c("none", "ik6", "whole")),
                age = round(runif(n, 1, 17), 1), protocol = factor(sample(c("p", "q"), n, TRUE)))
risk <- exp(c(none = 0, ik6 = .8, whole = .5)[as.character(d$group)] + .03 * d$age)
d$time <- round(pmin(rexp(n, .12 * risk), runif(n, 3, 9)), 6)
d$status <- ifelse(runif(n) < .25 | d$time >= 6, 0, sample(1:2, n, TRUE, c(.7, .3)))
d$tied <- ceiling(d$time * 2) / 2
stopifnot(!any(duplicated(d$time)))
write_inputs(d, "patients")

tight <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50)
d$had1 <- as.integer(d$status == 1); d$had2 <- as.integer(d$status == 2)
d$state <- factor(d$status, 0:2, c("censor", "relapse", "death"))
new <- data.frame(group = factor(c("none", "ik6", "whole"), levels = levels(d$group)), age = c(3, 9, 15), protocol = factor(c("p", "q", "p")))
times <- c(1, 2.5, 4)
ahead <- function(formula) {
  f <- coxph(formula, d, id = id, control = tight, ties = "breslow")
  s <- survfit(f, newdata = new)
  do.call(rbind, lapply(seq_len(nrow(new)), function(g) {
    own <- if (is.null(s$strata)) seq_along(s$time) else {
      k <- match(as.character(new$protocol[g]), sub(".*=", "", names(s$strata)))
      sum(s$strata[seq_len(k - 1)]) + seq_len(s$strata[k])
    }
    at <- own[findInterval(times, s$time[own])]
    do.call(rbind, lapply(seq_along(s$states), function(j)
      data.frame(group = g - 1, time = times, cause = s$states[j], estimate = s$pstate[at, g, j])))
  }))
}

# under Efron's ties survfit of a multi-state model has other baselines than survfit of each of its causes: the baselines of
# the causes, with the same matrix exponential at each time
by_cause <- function(formula) {
  do.call(rbind, lapply(seq_len(nrow(new)), function(g) {
    one <- lapply(1:2, function(k)
      survfit(coxph(update(formula, as.formula(paste0("Surv(tied, had", k, ") ~ ."))), d, control = tight), newdata = new[g, ]))
    stopifnot(all(one[[1]]$time == one[[2]]$time))
    step <- sapply(one, function(s) diff(c(0, s$cumhaz)))
    p <- c(1, 0, 0); at <- NULL
    for (i in seq_along(one[[1]]$time)) {
      out <- sum(step[i, ])
      if (out > 0) p <- p + p[1] * (1 - exp(-out)) * c(-1, step[i, ] / out)
      at <- rbind(at, p)
    }
    at <- at[findInterval(times, one[[1]]$time), ]
    do.call(rbind, lapply(1:3, function(j) data.frame(group = g - 1, time = times, cause = c("(s0)", "relapse", "death")[j], estimate = at[, j])))
  }))
}

d$event <- as.integer(d$status > 0)
standard <- function(model) {
  a <- ate(model, treatment = "group", data = d, times = c(2, 4), se = TRUE, band = FALSE, verbose = FALSE)
  list(mean = as.data.frame(a$meanRisk)[, c("time", "treatment", "estimate", "se")],
       difference = as.data.frame(a$diffRisk)[, c("time", "A", "B", "estimate", "se")])
}
distinct <- coxph(Surv(time, event) ~ group * age, d, control = tight, x = TRUE, y = TRUE, ties = "breslow")
layered <- coxph(Surv(time, event) ~ group + age + strata(protocol), d, control = tight, x = TRUE, y = TRUE, ties = "breslow")

crossed <- coxph(Surv(tied, status == 1) ~ group * age + protocol, d, control = tight)
rows <- rbind("whole vs ik6 at 5" = c(-1, 1, 0, 0, -5, 5), "ik6 at 10" = c(1, 0, 0, 0, 10, 0), "half of both" = c(.5, .5, 0, 0, 0, 0))
g <- summary(glht(crossed, linfct = rows), test = adjusted("none"))$test
joint <- summary(glht(crossed, linfct = rows), test = Chisqtest())$test

write_case(list(
  ahead = ahead(Surv(time, state) ~ group + age),
  ahead_tied = ahead(Surv(tied, state) ~ group + age),
  ahead_strata = ahead(Surv(tied, state) ~ group + age + strata(protocol)),
  ahead_efron = by_cause(~ group + age), ahead_efron_strata = by_cause(~ group + age + strata(protocol)),
  risk = standard(distinct), risk_strata = standard(layered),
  contrasts = data.frame(contrast = rownames(rows), estimate = unname(g$coefficients), std_error = unname(g$sigma),
                         statistic = unname(g$tstat), p_value = as.vector(g$pvalues)),
  joint = list(statistic = as.vector(joint$SSH), df = as.vector(joint$df[1]), p_value = as.vector(joint$pvalue))))
