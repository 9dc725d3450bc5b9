# Variance priors of limma at their edges: infinite degrees of freedom, unequal ones, zeros, few rows, trends, outliers;
# and linear models whose rows lack samples, have weights of their own, or cannot tell all coefficients.
source("../writing.R")
suppressPackageStartupMessages(library(limma))
set.seed(4)
moderated <- function(v, d, covariate = NULL, robust = FALSE) {
  b <- suppressWarnings(squeezeVar(v, d, covariate = covariate, robust = robust))
  g <- length(v)
  list(variance = v, df = d, covariate = covariate, robust = robust, prior = rep_len(b$var.prior, g),
       prior_df = ifelse(is.finite(rep_len(b$df.prior, g)), rep_len(b$df.prior, g), 1e300), posterior = b$var.post)
}
one <- 0.3 * rchisq(150, 8) / 8
many <- 0.3 * 8 / rchisq(120, 5) * rchisq(120, 10) / 10
d <- sample(6:10, 120, TRUE)
cases <- list(
  all_alike = moderated(one, rep(6, 150)),
  all_alike_trend = moderated(one, rep(6, 150), covariate = rnorm(150)),
  all_alike_outlier = moderated(c(one, 9, 20), rep(6, 152), robust = TRUE),
  all_alike_outlier_unequal = moderated(c(one, 9, 20), c(sample(5:6, 150, TRUE), 6, 5), robust = TRUE),
  unequal = moderated(many, d),
  unequal_outliers = moderated(c(many, 30, 50), c(d, 10, 7), robust = TRUE),
  outliers = moderated(c(many, 30, 50, 80), rep(8, 123), robust = TRUE),
  zeros = moderated(c(many, 0, 0), c(d, 10, 7)),
  trend = moderated(many, d, covariate = rnorm(120)),
  trend_20 = moderated(many[1:20], d[1:20], covariate = rnorm(20)),
  trend_5 = moderated(many[1:5], d[1:5], covariate = rnorm(5)))

n <- 12; G <- 30
group <- rep(0:1, 6); batch <- rep(0:2, each = 4)
y <- matrix(rnorm(G * n, 8), G) + outer(rnorm(G) * 0.5, group)
y[1, 1:3] <- NA; y[2, c(1, 5, 9)] <- NA; y[3, 9:12] <- NA; y[4, 5:12] <- NA; y[5, group == 1] <- NA; y[6, 2:12] <- NA
y[7, ] <- NA; y[8, c(1:4, 9:12)] <- NA
y[cbind(sample(9:G, 20, TRUE), sample(n, 20, TRUE))] <- NA
own <- matrix(rexp(G * n) + 0.1, G); own[9, 3] <- 0; own[10, c(2, 7)] <- 0
arrays <- c(1, 2, 0.5, 1, 1, 3, 1, 0.25, 1, 1, 2, 1)
X <- model.matrix(~ group + factor(batch)); colnames(X) <- c("one", "group", "second", "third")
fitted <- function(w = NULL) {
  f <- suppressWarnings(lmFit(y, X, weights = w))
  list(coefficients = unname(f$coefficients), unscaled = unname(ifelse(is.na(f$coefficients), NA, f$stdev.unscaled)),
       sigma = f$sigma, df_residual = f$df.residual, mean = unname(f$Amean))
}
ranked <- function(z, ...) t(sapply(9:G, function(i) {
  a <- z[i, group == 1]; b <- z[i, group == 0]
  w <- wilcox.test(a[!is.na(a)], b[!is.na(b)], conf.int = TRUE, ...)
  c(w$statistic, w$p.value, w$estimate, w$conf.int)
}))
ties <- suppressWarnings(apply(round(y[9:G, ]), 1, function(v) wilcox.test(v[group == 1], v[group == 0], exact = FALSE)$p.value))
write_inputs(data.frame(y), "rows"); write_inputs(data.frame(own), "weights"); write_inputs(data.frame(X, arrays), "samples")
write_case(list(cases = cases, plain = fitted(), arrays = fitted(arrays), own = fitted(own), ranks = unname(ranked(y)),
  ranks_tied = unname(ties), limma = as.character(packageVersion("limma"))))
