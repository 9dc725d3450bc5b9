# Random effects by metafor: REML, DerSimonian-Laird, Paule-Mandel, with Wald's and Hartung and Knapp's intervals. metafor has
# the prediction interval with k - 1 degrees of freedom or the normal; the one of Higgins, Thompson and Spiegelhalter is put
# together from its numbers: mean, Wald's variance of the mean, tau^2, and the t distribution with k - 2.
source("../writing.R")
suppressPackageStartupMessages(library(metafor))
set.seed(2009)
made <- function(set, k, tau, s) data.frame(set = set, cohort_id = paste0(set, 1:k), estimate = rnorm(k, 0.6, sqrt(tau^2 + s^2)), std_error = s)
d <- rbind(made("differ", 9, 0.5, runif(9, 0.1, 0.6)), made("alike", 6, 0, runif(6, 0.15, 0.5)),
           made("three", 3, 0.3, c(0.2, 0.35, 0.15)), made("two", 2, 0.6, c(0.12, 0.3)),
           made("uneven", 7, 0.8, c(0.02, 0.05, 0.9, 0.7, 0.03, 1.5, 0.4)))
close <- d$set == "alike"                                      # closer together than chance has them: tau^2 is at its bound, 0
d$estimate[close] <- 0.6 + 0.4 * (d$estimate[close] - 0.6)
d <- data.frame(d[1:2], estimate = round(d$estimate, 4), std_error = round(d$std_error, 4))
write_inputs(d, "studies")

rows <- list(); weights_of <- list()
for (set in unique(d$set)) for (method in c("REML", "DL", "PM")) for (test in c("z", "knha")) {
  own <- d[d$set == set, ]
  fit <- suppressWarnings(rma(estimate, sei = std_error, data = own, method = method, test = test,
                              control = list(threshold = 1e-15, tol = 1e-14, maxiter = 10000)))
  wald <- fit$vb[1, 1]
  if (test == "knha") wald <- 1 / sum(1 / (own$std_error^2 + fit$tau2))
  half <- if (fit$k > 2) qt(.975, fit$k - 2) * sqrt(wald + fit$tau2) else NA
  rows <- c(rows, list(data.frame(set = set, method = tolower(method), interval = if (test == "z") "wald" else "hartung-knapp",
    estimate = fit$beta[1], std_error = fit$se, low = fit$ci.lb, high = fit$ci.ub, statistic = fit$zval, p_value = fit$pval,
    tau2 = fit$tau2, i2 = fit$I2 / 100, q = fit$QE, q_p = fit$QEp,
    prediction_low = fit$beta[1] - half, prediction_high = fit$beta[1] + half)))
  if (test == "z") weights_of <- c(weights_of, list(data.frame(set = set, method = tolower(method), cohort_id = own$cohort_id,
                                                    weight = as.vector(weights(fit)) / 100)))
}
write_case(list(pooled = do.call(rbind, rows), weights = do.call(rbind, weights_of)))
write(paste("metafor", packageVersion("metafor")), "session.txt", append = TRUE)
