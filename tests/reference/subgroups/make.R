# Risk differences within subgroups (any event and one cause), Cochran's Q, stratified interaction tests; and Cox effects from
# a landmark on without and with a variable known only then. Trial: survival's colon, deaths; an invented second cause.
source("../writing.R")
suppressPackageStartupMessages(library(survival))
d <- subset(colon, etype == 2 & !is.na(nodes) & rx != "Lev")[, c("time", "status", "rx", "sex", "differ", "extent", "age", "nodes")]
d <- d[!is.na(d$differ), ]
d$arm <- ifelse(d$rx == "Obs", "Obs", "Lev+5FU"); d$rx <- NULL
d$grade <- c("well", "moderate", "poor")[d$differ]; d$differ <- NULL
d$sex <- ifelse(d$sex == 1, "male", "female")
d$cause <- ifelse(d$status == 0, 0, 1 + (seq_len(nrow(d)) %% 4 == 0)); d$status <- NULL
d$later <- ifelse(d$nodes > 3, "many", "few")
d$arm <- factor(d$arm, levels = c("Obs", "Lev+5FU"))
write_inputs(d, "patients")
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
at <- 1500
of_any <- function(x) { s <- summary(survfit(Surv(time, cause > 0) ~ 1, x), times = at); c(1 - s$surv, s$std.err) }
of_one <- function(x) {
  f <- survfit(Surv(time, factor(cause, 0:2)) ~ 1, x); s <- summary(f, times = at); k <- match("1", f$states)
  c(s$pstate[k], s$std.err[k])
}
within <- function(column, risk) {
  rows <- do.call(rbind, lapply(sort(unique(d[[column]])), function(g) {
    a <- risk(d[d[[column]] == g & d$arm == "Lev+5FU", ]); b <- risk(d[d[[column]] == g & d$arm == "Obs", ])
    data.frame(group = g, estimate = a[1] - b[1], std_error = sqrt(a[2]^2 + b[2]^2))
  }))
  w <- 1 / rows$std_error^2; q <- sum(w * (rows$estimate - weighted.mean(rows$estimate, w))^2)
  list(rows = rows, statistic = q, df = nrow(rows) - 1, p_value = pchisq(q, nrow(rows) - 1, lower.tail = FALSE))
}
interaction <- function(column) {
  small <- coxph(as.formula(paste("Surv(time, cause == 1) ~ arm +", column, "+ strata(extent)")), d, control = tight)
  large <- coxph(as.formula(paste("Surv(time, cause == 1) ~ arm *", column, "+ strata(extent)")), d, control = tight)
  x <- 2 * (large$loglik[2] - small$loglik[2]); k <- length(coef(large)) - length(coef(small))
  list(statistic = x, df = k, p_value = pchisq(x, k, lower.tail = FALSE))
}
late <- subset(d, time > 365); late$start <- 365
row <- function(f) { b <- coef(f)["armLev+5FU"]; list(estimate = unname(b), std_error = unname(sqrt(vcov(f)["armLev+5FU", "armLev+5FU"])), n = f$n, n_event = f$nevent) }
write_case(list(
  any_sex = within("sex", of_any), any_grade = within("grade", of_any), one_sex = within("sex", of_one), one_grade = within("grade", of_one),
  test_sex = interaction("sex"), test_grade = interaction("grade"),
  total = row(coxph(Surv(start, time, cause == 1) ~ arm + age + strata(sex), late, control = tight)),
  not_through = row(coxph(Surv(start, time, cause == 1) ~ arm + age + later + strata(sex), late, control = tight))
))
