# Differences of risk (1 - survival, or incidence) at 5 years and of restricted means to 8 years, each group of survival::pbc
# against the first, from the estimates and standard errors of survfit; groups are independent, so variances add. Normal interval and p.
source("../writing.R")
d <- read.csv("../incidence_pbc/pbc.csv")
d$death <- as.integer(d$status == 2)
d$state <- factor(d$status, 0:2, c("censored", "transplant", "death"))
difference <- function(a, b, what) {                              # b minus a; each is c(estimate, standard error)
  est <- unname(b[1] - a[1]); se <- unname(sqrt(a[2]^2 + b[2]^2)); z <- qnorm(.975)
  data.frame(contrast = what, estimate = est, std_error = se, low = est - z * se, high = est + z * se, p_value = 2 * pnorm(-abs(est / se)))
}
against_first <- function(by, f) {
  levels <- sort(unique(na.omit(d[[by]])))
  do.call(rbind, lapply(levels[-1], function(level) {
    part <- lapply(c(levels[1], level), function(g) f(d[!is.na(d[[by]]) & d[[by]] == g, ]))
    difference(part[[1]], part[[2]], paste(level, "vs", levels[1]))
  }))
}
risk_at <- function(x) { s <- summary(survfit(Surv(years, status > 0) ~ 1, x), times = 5); c(1 - s$surv, s$std.err) }
incidence_at <- function(x) { s <- summary(survfit(Surv(years, state) ~ 1, x), times = 5); j <- which(s$states == "death"); c(s$pstate[1, j], s$std.err[1, j]) }
mean_to_8 <- function(x) { t <- summary(survfit(Surv(years, status > 0) ~ 1, x), rmean = 8)$table; c(t["rmean"], t["se(rmean)"]) }
write_case(lapply(c(trt = "trt", stage = "stage"), function(by) list(any_event = against_first(by, risk_at),
  incidence = against_first(by, incidence_at), rmst = against_first(by, mean_to_8))))
