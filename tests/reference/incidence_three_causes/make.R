# 300 patients, three causes, whole-month times with heavy ties, three groups, four strata, events at time 0.
source("../writing.R")
set.seed(20150301)
causes <- c("relapse", "second_malignancy", "death")
n <- 300
d <- data.frame(group = sample(c("none", "ik6", "whole"), n, TRUE, c(.5, .3, .2)), stratum = sample(1:4, n, TRUE))
d$group <- factor(d$group, levels = sort(unique(d$group)))
lambda <- c(ik6 = .045, none = .02, whole = .035)[as.character(d$group)] * (1 + .15 * d$stratum)
d$time <- pmin(floor(rexp(n, lambda)), sample(24:72, n, TRUE))
d$status <- ifelse(runif(n) < .3, 0, sample(1:3, n, TRUE, c(.55, .15, .3)))
d$time[1:8] <- 0; d$status[1:8] <- c(1, 1, 2, 3, 3, 0, 1, 3)                       # events at time 0, and one censoring
d$time[d$time == 72] <- 71
d$weight <- sample(1:3, n, TRUE)
d$entry <- pmax(0, pmin(sample(-10:20, n, TRUE), d$time - sample(1:6, n, TRUE)))   # ties with the event times
d$id <- seq_len(n)
write_inputs(d, "patients")
d$state <- factor(d$status, 0:3, c("censored", causes))

times <- c(0, 1, 3, 5, 12, 24, 36, 48, 75)
last <- tapply(d$time, d$group, max)
fit <- survfit(Surv(time, state) ~ group, d)
cu <- cuminc(d$time, d$status, d$group)
tests <- function(...) lapply(c(rho0 = 0, rho0.5 = .5, rho1 = 1), function(rho) gray_rows(cuminc(d$time, d$status, d$group, rho = rho, ...), causes))

weighted <- survfit(Surv(time, state) ~ group, d, weights = weight)
# delayed entry: patients who enter at their own exit are not at risk
late <- d[d$entry < d$time, ]
entry_last <- tapply(late$time, late$group, max)
entry_fit <- survfit(Surv(entry, time, state) ~ group, late, id = id)
by_group <- function(d, f) do.call(rbind, lapply(levels(d$group), function(g) f(d[d$group == g, ], g)))
lost <- by_group(d, function(x, g) lost_rows(Surv(time, state) ~ 1, x, 36, g))
shifted <- by_group(transform(d, time = time + 1), function(x, g) lost_rows(Surv(time, state) ~ 1, x, 37, g))
stopifnot(all.equal(lost$estimate, shifted$estimate, tolerance = 1e-12), all.equal(lost$std_error, shifted$std_error, tolerance = 1e-12))

# the definition of the Greenwood variance agrees with survival where nobody enters late
definition <- by_group(d, function(x, g) greenwood_rows(rep(-Inf, nrow(x)), x$time, x$status, causes, times, g))
package <- state_rows(fit, times, last)
m <- merge(definition, package, by = c("group", "time", "cause"))
stopifnot(all.equal(m$estimate.x, m$estimate.y, tolerance = 1e-11), all.equal(m$std_error.x, m$std_error.y, tolerance = 1e-11))
# under delayed entry the infinitesimal jackknife, which is survfit's standard error, is another number: not kept
entry_greenwood <- by_group(late, function(x, g) greenwood_rows(x$entry, x$time, x$status, causes, times[times > 0], g))

write_case(list(
  cuminc = cuminc_rows(cu, times, causes), gray = tests(), gray_stratified = tests(strata = d$stratum),
  survfit = lapply(c(`log-log` = "log-log", plain = "plain", log = "log"), function(ct)
    state_rows(survfit(Surv(time, state) ~ group, d, conf.type = ct), times, last)),
  conf90 = state_rows(survfit(Surv(time, state) ~ group, d, conf.type = "log-log", conf.int = .9), times, last),
  weighted = state_rows(weighted, times, last)[, c("group", "time", "cause", "estimate", "beyond")],
  entry = state_rows(entry_fit, times[times > 0], entry_last)[, c("group", "time", "cause", "estimate", "beyond")],
  entry_greenwood = entry_greenwood,
  lost_to_36 = lost,
  pairwise = list(contrast = c("ik6 none", "ik6 whole", "none whole"), cause = "relapse",
    tests = do.call(rbind, lapply(list(c("ik6", "none"), c("ik6", "whole"), c("none", "whole")), function(g) {
      k <- d$group %in% g
      gray_rows(cuminc(d$time[k], d$status[k], droplevels(d$group[k])), causes)[1, ] })))))
