# 150 patients, whole-month times with heavy ties, delayed entry tied with event times, integer and other weights,
# centres as clusters, three groups. A second data set, without entry, has events at time 0.
source("../writing.R")
set.seed(40007)
n <- 150
d <- data.frame(group = sample(c("none", "ik6", "whole"), n, TRUE), centre = sample(1:12, n, TRUE))
d$time <- pmin(1 + floor(rexp(n, c(ik6 = .06, none = .02, whole = .04)[d$group])), sample(20:60, n, TRUE))
d$status <- ifelse(runif(n) < .35, 0, 1)
d$entry <- pmax(0, pmin(sample(-12:12, n, TRUE), d$time - sample(1:5, n, TRUE)))
d$cases <- sample(1:3, n, TRUE)
d$weight <- round(runif(n, .4, 2.2), 3)
z <- d[, c("group", "centre", "time", "status", "cases", "weight")]
z$time <- z$time - 1                                                               # events and censorings at time 0
write_inputs(d, "entry"); write_inputs(z, "zero")

types <- c(plain = "plain", log = "log", `log-log` = "log-log", logit = "logit", arcsin = "arcsin")
times <- c(0, 1, 2, 3, 6, 10, 12, 18, 24, 36, 48, 61)
probs <- c(.25, .5, .75)
entry_times <- times[times > 0]

curves <- function(formula, d, times, entry = rep(-Inf, nrow(d)), types = c(plain = "plain"), ...) {
  last <- tapply(d$time, d$group, max)
  w <- list(...)$weights; if (is.null(w)) w <- rep(1, nrow(d))
  fits <- lapply(types, function(ct) curve_rows(do.call(survfit, list(formula, d, conf.type = ct, ...)), times, last))
  o <- fits[[1]][, !(names(fits[[1]]) %in% c("low", "high"))]
  # at risk: entry < t <= time (between two observed times survfit gives the number at risk at the next one)
  o$n_risk <- mapply(function(g, t) sum(w[d$group == g & d$time >= t & entry < t]), o$group, o$time)
  for (ct in names(types)) o[paste(c("low", "high"), ct)] <- fits[[ct]][, c("low", "high")]
  o
}
quantiles <- function(formula, d, types, ...) lapply(types, function(ct) {
  q <- quantile(do.call(survfit, list(formula, d, conf.type = ct, ...)), probs)
  g <- level(rownames(q$quantile))
  data.frame(group = rep(g, 3), quantile = rep(probs, each = length(g)), estimate = c(q$quantile), low = c(q$lower), high = c(q$upper))
})
means <- function(formula, d, tau, ...) {
  t <- summary(do.call(survfit, list(formula, d, ...)), rmean = tau)$table
  data.frame(group = level(rownames(t)), estimate = t[, "rmean"], std_error = t[, "se(rmean)"], row.names = NULL)
}
E <- Surv(entry, time, status) ~ group
Z <- Surv(time, status) ~ group
write_case(list(
  zero = curves(Z, z, times, types = types),
  zero_cases = curves(Z, z, times, types = types[1:3], weights = z$cases, robust = FALSE),
  zero_robust = curves(Z, z, times, types = types[1:3], robust = TRUE),
  zero_cluster = curves(Z, z, times, types = types[1:3], cluster = z$centre),
  zero_weight_robust = curves(Z, z, times, types = types[1:3], weights = z$weight, robust = TRUE),
  zero_weight_naive = curves(Z, z, times, weights = z$weight, robust = FALSE),
  zero_weight_cluster = curves(Z, z, times, types = types[1:3], weights = z$weight, cluster = z$centre),
  zero_quantiles = quantiles(Z, z, types), zero_cases_quantiles = quantiles(Z, z, types[1:3], weights = z$cases, robust = FALSE),
  zero_mean_24 = means(Z, z, 24), zero_cases_mean_24 = means(Z, z, 24, weights = z$cases, robust = FALSE),
  entry = curves(E, d, entry_times, d$entry, types),
  entry_cases = curves(E, d, entry_times, d$entry, types[1:3], weights = d$cases, robust = FALSE),
  entry_robust = curves(E, d, entry_times, d$entry, types[1:3], robust = TRUE, id = seq_len(n)),
  entry_cluster = curves(E, d, entry_times, d$entry, types[1:3], cluster = d$centre),
  entry_weight_robust = curves(E, d, entry_times, d$entry, types[1:3], weights = d$weight, robust = TRUE, id = seq_len(n)),
  entry_quantiles = quantiles(E, d, types), entry_mean_24 = means(E, d, 24)))
