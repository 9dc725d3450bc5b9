# Matching within exact cells and calipers: nearest with replacement and greedily (MatchIt), and the best there is, by an
# integer programme in three stages (lpSolve): most cases with a control, then most controls, then the least distance.
# Balance by MatchIt's summary, and Cox models stratified by the matched sets.
source("../writing.R")
suppressPackageStartupMessages({library(MatchIt); library(lpSolve)})
set.seed(20161)
n <- 220
d <- data.frame(row = seq_len(n), subtype = sample(c("b_other", "high_hyperdiploid", "etv6_runx1"), n, TRUE, c(.5, .3, .2)),
                protocol = sample(c("p", "q"), n, TRUE), sex = sample(c("male", "female"), n, TRUE),
                age = round(1 + rgamma(n, 2, .35), 4), wbc = round(exp(rnorm(n, 2.7, 1.2)), 4))
d$case <- as.integer(runif(n) < plogis(-1.3 + .08 * d$age + .35 * (log(d$wbc) - 2.7)))
hazard <- .12 * exp(.6 * d$case + .05 * d$age + .3 * (log(d$wbc) - 2.7))
d$time <- pmax(1, round(3 * pmin(rexp(n, hazard), runif(n, 2, 9)))) / 4                       # a coarse grid, so that times are tied
d$status <- as.integer(runif(n) < .7 & d$time < 7)
write_inputs(d, "patients")
d$lwbc <- log(d$wbc)
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
ratio <- 3; width <- c(age = 2, lwbc = .8)

one <- which(d$case == 1); nought <- which(d$case == 0)
gap <- function(v) abs(outer(d[one, v], d[nought, v], "-"))
apart <- sqrt((gap("age") / sd(d$age))^2 + (gap("lwbc") / sd(d$lwbc))^2)
dimnames(apart) <- list(one, nought)
allowed <- gap("age") <= width["age"] & gap("lwbc") <= width["lwbc"] &
  outer(paste(d$subtype, d$protocol)[one], paste(d$subtype, d$protocol)[nought], "==")

ours <- function(replace, ...) matchit(case ~ age + lwbc, d, method = "nearest", distance = apart, exact = ~ subtype + protocol,
                                       caliper = width, std.caliper = FALSE, ratio = ratio, replace = replace, ...)
pairs <- function(m) {
  p <- data.frame(case_row = rep(as.integer(rownames(m$match.matrix)), ncol(m$match.matrix)), row = as.integer(m$match.matrix))
  p <- p[!is.na(p$row), ]
  p$distance <- apart[cbind(as.character(p$case_row), as.character(p$row))]
  p[order(p$case_row, p$distance), ]
}
size <- function(p) list(n_matched = length(unique(p$case_row)), n_control = nrow(p), distance = sum(p$distance))

with_replacement <- ours(TRUE)
nearest <- pairs(with_replacement)

# MatchIt standardises by the standard deviation of all treated; shares have sqrt(p (1 - p))
balance <- function(m, names) {
  s <- summary(m, addlvariables = ~ sex, data = d, standardize = TRUE, pair.dist = FALSE)
  part <- function(x) x[names, c("Means Treated", "Means Control", "Std. Mean Diff.")]
  data.frame(name = names, before = unname(part(s$sum.all)), after = unname(part(s$sum.matched)))
}
named <- c("age", "lwbc", "sexfemale", "sexmale")

cox <- function(p, ...) {
  sets <- unique(p$case_row)
  long <- rbind(data.frame(row = sets, set = seq_along(sets)), data.frame(row = p$row, set = match(p$case_row, sets)))
  long <- cbind(long, d[long$row, c("time", "status", "case")])
  f <- coxph(Surv(time, status) ~ case + strata(set), long, control = tight, ...)
  list(estimate = unname(coef(f)), std_error = unname(sqrt(diag(f$var))), n = f$n, nevent = f$nevent)
}
robust <- function(p) {
  sets <- unique(p$case_row)
  long <- rbind(data.frame(row = sets, set = seq_along(sets)), data.frame(row = p$row, set = match(p$case_row, sets)))
  long <- cbind(long, d[long$row, c("time", "status", "case")])
  f <- coxph(Surv(time, status) ~ case + strata(set) + cluster(row), long, control = tight)
  list(estimate = unname(coef(f)), std_error = unname(sqrt(diag(f$var))))
}

# the best: one 0/1 variable a pair that is allowed, one a case that has a control
at <- which(allowed, arr.ind = TRUE)
K <- nrow(at); cases <- sort(unique(at[, 1])); controls <- sort(unique(at[, 2]))
x_of_case <- t(sapply(cases, function(i) at[, 1] == i)) * 1
x_of_control <- t(sapply(controls, function(j) at[, 2] == j)) * 1
rows <- rbind(cbind(x_of_case, matrix(0, length(cases), length(cases))), cbind(x_of_control, matrix(0, length(controls), length(cases))),
              cbind(-x_of_case, diag(length(cases))))
limit <- c(rep(ratio, length(cases)), rep(1, length(controls)), rep(0, length(cases)))
solve_lp <- function(direction, objective, more = NULL, value = NULL) {
  s <- lp(direction, objective, rbind(rows, more), c(rep("<=", nrow(rows)), rep(">=", length(value))), c(limit, value), all.bin = TRUE)
  stopifnot(s$status == 0)
  round(s$solution)
}
count_cases <- c(rep(0, K), rep(1, length(cases))); count_pairs <- c(rep(1, K), rep(0, length(cases)))
best_cases <- sum(solve_lp("max", count_cases)[K + seq_along(cases)])
best_pairs <- sum(solve_lp("max", count_pairs, count_cases, best_cases)[1:K])
x <- solve_lp("min", c(apart[at], rep(0, length(cases))), rbind(count_cases, count_pairs), c(best_cases, best_pairs))[1:K] == 1
best <- data.frame(case_row = one[at[x, 1]], row = nought[at[x, 2]], distance = apart[at[x, , drop = FALSE]])
best <- best[order(best$case_row, best$distance), ]

write_case(list(
  nearest = nearest, nearest_size = size(nearest), balance = balance(with_replacement, named), cox_nearest = cox(nearest), robust_nearest = robust(nearest),
  greedy = lapply(list(data = "data", random = "random"), function(order) size(pairs(ours(FALSE, m.order = order)))),
  best = best, best_size = size(best), cox_best = cox(best), cox_best_exact = cox(best, ties = "exact")))
cat(sapply(c("MatchIt", "lpSolve"), function(p) paste(p, packageVersion(p))), sep = "\n", file = "session.txt", append = TRUE)
