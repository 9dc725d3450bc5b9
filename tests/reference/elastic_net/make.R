# Elastic-net Cox paths of glmnet. Coordinate descent stops where nothing changes by 1e-14 of the null deviance; with strata
# and delayed entry glmnet has an outer loop of its own, whose stop (epsnr) is set to the limit of what a number holds.
# glmnet 4.1-6 computes wrong gradients where somebody enters after the last event: nobody does here.
source("../writing.R")
suppressPackageStartupMessages(library(glmnet))
glmnet.control(epsnr = 1e-16, mxitnr = 5000)

set.seed(20)
n <- 160
p <- 24
g <- matrix(rnorm(n * p), n)
g[, 2] <- 0.7 * g[, 1] + 0.7 * g[, 2]
g[, 5] <- 12 * g[, 5] + 40
g[, 6] <- rbinom(n, 1, 0.3)
g[, 24] <- 3
colnames(g) <- sprintf("g%02d", 1:p)
age <- runif(n, 1, 17)
arm <- rbinom(n, 1, 0.5)
eta <- 0.6 * g[, 1] - 0.5 * g[, 3] + 0.5 * g[, 6] + 0.4 * g[, 7] + 0.08 * age
years <- rexp(n, 0.06 * exp(eta))
end <- runif(n, 2, 9)
month <- pmax(ceiling(12 * pmin(years, end)), 3)
status <- as.integer(years <= end)
status[status == 1] <- 1 + rbinom(sum(status), 1, 0.3)
centre <- sample(c("p", "q", "r"), n, TRUE)
entry <- ifelse(runif(n) < 0.5, 0, sample(1:2, n, TRUE))
w <- sample(1:3, n, TRUE)
fold <- sample(rep(1:5, length.out = n))
d <- data.frame(month, status, entry, w, centre, fold, age = round(age, 3), arm, round(g, 4))
stopifnot(all(d$month >= 3), max(entry) < max(month[status > 0]))
write_inputs(d, "patients")

features <- colnames(g)
clinical <- c("age", "arm")
penalised <- as.matrix(d[features])
both <- as.matrix(d[c(clinical, features)])
any <- Surv(d$month, d$status > 0)
relapse <- Surv(d$month, d$status == 1)
late <- Surv(d$entry, d$month, d$status > 0)

fit <- function(y, x, free = 0, weights = rep(1, n), ...)
  glmnet(x, y, family = "cox", weights = weights, thresh = 1e-14, maxit = 1e7,
         penalty.factor = rep(c(0, 1), c(free, ncol(x) - free)), ...)
path <- function(...) {
  f <- fit(...)
  # the first penalty is where the features come in; glmnet fits it with a penalty without end
  list(lambda = f$lambda, coef = unname(as.matrix(coef(f))), dev = f$dev.ratio, df = f$df)
}
crossed <- function(y, x, free = 0, alpha, lambda) {
  cv <- cv.glmnet(x, y, family = "cox", alpha = alpha, lambda = lambda, foldid = d$fold, thresh = 1e-14, maxit = 1e7,
                  penalty.factor = rep(c(0, 1), c(free, ncol(x) - free)))
  list(lambda = cv$lambda, cvm = cv$cvm, cvsd = cv$cvsd, min = cv$lambda.min, se = cv$lambda.1se)
}
# cv.glmnet divides weights by their mean, all patients' by another than the training patients'; here they stay as they are
crossed_weights <- function(y, x, free, alpha, lambda, weights, event) {
  raw <- sapply(1:5, function(k) {
    train <- d$fold != k
    f <- glmnet(x[train, ], y[train, ], family = "cox", alpha = alpha, lambda = lambda, weights = weights[train],
                thresh = 1e-14, maxit = 1e7, penalty.factor = rep(c(0, 1), c(free, ncol(x) - free)))
    b <- as.matrix(coef(f))
    coxnet.deviance(x = x, y = y, weights = weights, beta = b, std.weights = FALSE) -
      coxnet.deviance(x = x[train, ], y = y[train, ], weights = weights[train], beta = b, std.weights = FALSE)
  })
  mass <- as.vector(tapply(weights * event, d$fold, sum))
  raw <- t(raw) / mass
  cvm <- apply(raw, 2, weighted.mean, w = mass)
  list(lambda = lambda, cvm = cvm, cvsd = sqrt(apply(sweep(raw, 2, cvm)^2, 2, weighted.mean, w = mass) / 4))
}

few <- exp(seq(log(0.2), log(0.004), length.out = 8))
wide <- as.matrix(d[1:40, c("age", features, "arm")])
many <- cbind(wide, sapply(1:60, function(k) round(sin(k * wide[, 3] + wide[, 5] * k^2 / 7), 4)))
colnames(many) <- c(colnames(wide), sprintf("h%02d", 1:60))
write_inputs(data.frame(d[1:40, c("month", "status")], many), "wide")
wide_y <- Surv(d$month[1:40], d$status[1:40] > 0)
wide_fit <- function(alpha) {
  f <- glmnet(many, wide_y, family = "cox", alpha = alpha, thresh = 1e-14, maxit = 1e7, lambda = c(1, 0.6, 0.4, 0.25))
  list(lambda = f$lambda, coef = unname(as.matrix(coef(f))), dev = f$dev.ratio)
}

values <- list(
  lasso = path(any, penalised, alpha = 1),
  half = path(any, both, 2, alpha = 0.5),
  cause = path(relapse, both, 2, alpha = 0.5),
  raw_units = path(any, both, 2, alpha = 0.8, lambda = few, standardize = FALSE),
  ridge = path(any, both, 2, alpha = 0, lambda = 20 * few),
  ridge_default = path(any, penalised, alpha = 0, nlambda = 20),
  weights = path(any, both, 2, weights = d$w, alpha = 0.5),
  strata = path(stratifySurv(any, d$centre), both, 2, alpha = 0.5, lambda = few),
  # with terms that are not penalised glmnet starts from a null model with Efron's ties here, which it fits nowhere else
  strata_default = path(stratifySurv(any, d$centre), penalised, alpha = 0.5),
  entry = path(late, both, 2, alpha = 0.5, lambda = few),
  entry_weights_strata = path(stratifySurv(late, d$centre), both, 2, weights = d$w, alpha = 0.7, lambda = few),
  wide_lasso = wide_fit(1),
  wide_half = wide_fit(0.5),
  wide_ridge = wide_fit(0),
  cv = crossed(any, both, 2, 0.5, few),
  cv_relapse = crossed(relapse, both, 2, 1, few),
  cv_strata = crossed(stratifySurv(any, d$centre), both, 2, 0.5, few),
  cv_entry = crossed(late, both, 2, 0.5, few),
  cv_weights = crossed_weights(any, both, 2, 0.5, few, d$w, d$status > 0))
write_case(values)
write(paste("glmnet", packageVersion("glmnet")), "session.txt", append = TRUE)
