# Two Cox models on the same patients, and refitted to stored resamples: likelihoods, D, concordance, AUC, Brier score and IPA
# of riskRegression::Score on risks of survfit, among the patients drawn and among all. Competing: risks of two cause-specific
# coxph put together step by step, and the same Score.
source("../writing.R")
suppressPackageStartupMessages(library(riskRegression))
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
d <- survival::pbc[c("time", "status", "age", "edema", "bili", "albumin", "protime")]
d <- d[complete.cases(d), ]
d <- data.frame(years = round(d$time / 365.25, 3), status = c(0, 2, 1)[d$status + 1], age = d$age, edema = d$edema,
                lbili = round(log(d$bili), 4), lalb = round(log(d$albumin), 4), lpro = round(log(d$protime), 4))
write_inputs(d, "patients")                                # 1 died, 2 transplanted
rungs <- list(c("age", "edema"), c("age", "edema", "lbili", "lalb", "lpro"))
asked <- c(1, 3, 5); grid <- 5 * (1:50) / 50
n <- nrow(d)

hazards <- function(r, x, k) {                              # cumulative hazard steps at covariates 0, and the coefficients
  own <- as.matrix(d[r, x]); y <- Surv(d$years[r], d$event[r] %in% k)
  f <- coxph(y ~ own, ties = "efron", control = tight)
  h <- basehaz(f, centered = FALSE)
  list(fit = f, beta = unname(coef(f)), time = h$time, step = diff(c(0, h$hazard)), eta = as.vector(as.matrix(d[, x]) %*% coef(f)))
}
risks <- function(parts, times) {
  u <- sort(unique(d$years))
  if (length(parts) == 1) {
    p <- parts[[1]]; total <- cumsum(p$step)
    return(sapply(times, function(t) 1 - exp(-max(c(0, total[p$time <= t])) * exp(p$eta))))
  }
  S <- rep(1, n); F <- rep(0, n); out <- matrix(0, n, length(times)); k <- 1
  for (x in c(u, Inf)) {
    while (k <= length(times) && times[k] < x) { out[, k] <- F; k <- k + 1 }
    if (!is.finite(x) || k > length(times)) break
    h <- lapply(parts, function(p) sum(p$step[p$time == x]) * exp(p$eta)); T <- h[[1]] + h[[2]]
    F <- F + ifelse(T > 0, S * (1 - exp(-T)) * h[[1]] / ifelse(T > 0, T, 1), 0); S <- S * exp(-T)
  }
  out
}
royston_d <- function(y, eta) {
  z <- qnorm((rank(eta, ties.method = "first") - 3/8) / (length(eta) + 1/4)); z <- ave(z, signif(eta, 12))
  unname(coef(coxph(y ~ z, ties = "efron", control = tight))) * sqrt(8 / pi)
}
measures <- function(r, all, eta, competing) {              # of predictions for the rows r
  own <- d[r, ]; own$st <- if (competing) own$event else as.integer(own$event > 0)
  formula <- if (competing) Hist(years, st) ~ 1 else Surv(years, st) ~ 1
  score <- function(times, risk, metrics) Score(list(m = risk), formula = formula, data = own, times = times, cause = 1,
     metrics = metrics, null.model = TRUE, se.fit = FALSE, contrasts = FALSE, cens.model = "km", conservative = TRUE)
  at <- match(asked, grid)
  s <- score(asked, all[r, at], c("auc", "brier"))
  b <- as.data.frame(s$Brier$score); b <- b[b$model == "m", ]; a <- as.data.frame(s$AUC$score)
  null <- as.data.frame(s$Brier$score); null <- null[null$model == "Null model", ]
  g <- as.data.frame(score(grid, all[r, ], "brier")$Brier$score); g <- c(0, g$Brier[g$model == "m"])
  y <- Surv(own$years, own$event == 1); y1 <- Surv(own$years, if (competing) own$event == 1 else own$event > 0)
  e <- signif(eta[r], 13)
  list(harrell = if (competing) NA else unname(concordance(y1 ~ e, reverse = TRUE)$concordance),
       uno = if (competing) NA else unname(concordance(y1 ~ e, reverse = TRUE, timewt = "n/G2", ymax = 5)$concordance),
       auc = a$AUC, brier = b$Brier, ipa = 1 - b$Brier / null$Brier, integrated = sum((g[-1] + g[-51]) / 2 * 0.1) / 5,
       slope = unname(coef(coxph(y1 ~ eta[r], ties = "efron", control = tight))), d = royston_d(y1, eta[r]))
}
case <- function(competing) {
  d$event <<- if (competing) d$status else as.integer(d$status > 0)
  causes <- if (competing) list(1, 2) else list(c(1, 2)); every <- seq_len(n)
  fits <- lapply(rungs, function(x) lapply(causes, function(k) hazards(every, x, k)))
  apparent <- lapply(fits, function(f) measures(every, risks(f, grid), f[[1]]$eta, competing))
  loglik <- sapply(fits, function(f) f[[1]]$fit$loglik)     # rows: null, fit
  test <- anova(fits[[1]][[1]]$fit, fits[[2]][[1]]$fit)
  rr <- lapply(fits, function(f) royston(f[[1]]$fit))
  stopifnot(max(abs(sapply(rr, `[[`, "D") - sapply(apparent, `[[`, "d"))) < 1e-6)
  set.seed(31); drawn <- t(replicate(6, sample(n, replace = TRUE)))
  again <- lapply(seq_len(nrow(drawn)), function(b) { r <- drawn[b, ]
    lapply(rungs, function(x) { f <- lapply(causes, function(k) hazards(r, x, k)); p <- risks(f, grid)
      list(training = measures(r, p, f[[1]]$eta, competing), test = measures(every, p, f[[1]]$eta, competing)) }) })
  list(loglik = unname(loglik[2, ]), loglik_null = unname(loglik[1, 1]), chisq = test[["Chisq"]][2], df = test[["Df"]][2],
       p_value = pchisq(test[["Chisq"]][2], test[["Df"]][2], lower.tail = FALSE),
       r2 = sapply(rr, function(x) unname(x["R.D"])), nagelkerke = sapply(rr, function(x) unname(x["R.N"])),
       risk = lapply(fits, function(f) { p <- risks(f, asked); list(first = p[1, ], last = p[n, ]) }),
       apparent = apparent, drawn = drawn - 1, again = again)
}
write_case(list(any = case(FALSE), died = case(TRUE)))
