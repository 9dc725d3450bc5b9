# AUC and Brier score over time (riskRegression), calibration and net benefit (survival, cmprsk) of given risks, in patients
# with a monoclonal gammopathy (progression and death compete; months, many ties) and with primary biliary cholangitis.
source("../writing.R")
suppressPackageStartupMessages({library(riskRegression); library(rms)})
set.seed(60531)

m <- mgus2[complete.cases(mgus2[, c("age", "hgb", "creat", "mspike")]), ][1:700, ]
g <- data.frame(time = ifelse(m$pstat == 1, m$ptime, m$futime), status = ifelse(m$pstat == 1, 1, 2 * m$death), sex = as.character(m$sex))
times <- c(36, 96, 180)
lp <- list(one = 0.9 * (m$mspike - 1.2), two = 0.9 * (m$mspike - 1.2) - 0.03 * (m$age - 70) - 0.1 * (m$hgb - 13))
for (k in names(lp)) for (i in 1:3) g[[paste0(k, "_", times[i])]] <- round(1 - exp(-c(.02, .06, .1)[i] * exp(lp[[k]])), 4)
write_inputs(g, "gammopathy")
risks <- lapply(c(one = "one", two = "two"), function(k) as.matrix(g[paste0(k, "_", times)]))

rows <- function(s) lapply(s, function(part) { x <- as.data.frame(part); x[] <- lapply(x, function(v) if (is.factor(v)) as.character(v) else v); x })
measured <- function(formula, cause, conservative, at = times, r = risks) {
  s <- Score(r, formula, data = g, times = at, cause = cause, metrics = c("auc", "brier"), summary = c("ipa", "ibs"), se.fit = TRUE,
             cens.model = "km", conservative = conservative, null.model = TRUE)
  list(auc = rows(s$AUC), brier = rows(s$Brier))
}
any <- Surv(time, status > 0) ~ 1
g$any <- as.numeric(g$status > 0)
# death as the cause: with cause = 2 riskRegression 2022.11.28 gives other standard errors of AUC than for the same data with
# the codes of the causes exchanged; all else is the same
g$turned <- c(0, 2, 1)[g$status + 1]

# net benefit from the incidence among those at a threshold or above
benefit <- function(risk, at, p, cause) {
  above <- risk >= p
  f <- survfit(Surv(time, factor(status, 0:2)) ~ 1, g[above, ])
  i <- summary(f, times = at, extend = TRUE)$pstate[1, cause + 1]
  c(mean(above) * i, mean(above) * (1 - i), mean(above) * i - mean(above) * (1 - i) * p / (1 - p))
}
grid <- c(.01, .02, .05, .08, .1)
nb <- do.call(rbind, lapply(grid, function(p) data.frame(threshold = p, t(benefit(risks$two[, 2], times[2], p, 1)))))
names(nb) <- c("threshold", "true_positive", "false_positive", "estimate")

groups <- function(risk, at, k) {
  cut <- cut(risk, unique(quantile(risk, 0:k / k)), include.lowest = TRUE, labels = FALSE)
  s <- summary(survfit(Surv(time, factor(status, 0:2)) ~ cut, g, conf.type = "log-log"), times = at, extend = TRUE)
  data.frame(predicted = as.vector(tapply(risk, cut, mean)), estimate = s$pstate[, 2])
}
q <- function(r) log(-log(1 - pmin(pmax(r, 1e-8), 1 - 1e-8)))
slope <- crr(g$time, g$status, cbind(q(risks$two[, 2])), gtol = 1e-12, maxiter = 50)

smooth <- local({
  d <- g; d$q <- q(risks$two[, 2])
  knots <- rcspline.eval(d$q, nk = 4, knots.only = TRUE)
  f <- coxph(Surv(time, any) ~ rcs(q, knots), d, control = coxph.control(eps = 1e-14, iter.max = 50, toler.chol = 1e-15))
  r <- seq(min(risks$two[, 2]), max(risks$two[, 2]), length.out = 101)[c(1, 11, 31, 61, 101)]
  s <- summary(survfit(f, newdata = data.frame(q = q(r)), conf.type = "log-log"), times = times[2])
  own <- as.vector(summary(survfit(f, newdata = d), times = times[2])$surv)
  list(predicted = r, estimate = 1 - as.vector(s$surv), std_error = as.vector(s$std.err), index = mean(abs(1 - own - risks$two[, 2])))
})

# censoring by a Cox model: on a clock on which censorings come after the events of their time
g$age <- round(m$age, 1)
write_inputs(g[setdiff(names(g), c("any", "turned"))], "gammopathy")
g$clock <- 2 * match(g$time, sort(unique(g$time))) + (g$any == 0)
by_age <- local({
  at <- 2 * sapply(times, function(t) sum(sort(unique(g$time)) <= t)) + 1.5
  s <- Score(risks, Surv(clock, any) ~ age, data = g, times = at, metrics = c("auc", "brier"), se.fit = TRUE, cens.model = "cox",
             conservative = TRUE, null.model = FALSE)
  out <- list(auc = rows(s$AUC), brier = rows(s$Brier))
  lapply(out, function(part) lapply(part, function(x) { if (!is.null(x$times)) x$times <- times[match(x$times, at)]; x }))
})

write_case(list(
  competing = measured(Hist(time, status) ~ 1, 1, FALSE),
  competing_conservative = measured(Hist(time, status) ~ 1, 1, TRUE),
  second_cause = measured(Hist(time, turned) ~ 1, 1, FALSE, r = lapply(risks, function(x) 1 - x)),
  any = measured(Surv(time, any) ~ 1, 1, FALSE),
  by_age = by_age,
  net_benefit = nb,
  groups = groups(risks$two[, 2], times[2], 4),
  slope = list(coef = unname(slope$coef), se = sqrt(slope$var[1, 1])),
  smooth = smooth
))
versions <- sapply(c("riskRegression", "prodlim", "rms", "Hmisc"), function(p) paste(p, packageVersion(p)))
cat(versions, sep = "\n", file = "session.txt", append = TRUE)
