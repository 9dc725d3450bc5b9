# D1 of several coefficients by mice::D1 and mitml::testModels; pooled Cox coefficients over many imputations by mice and
# by smcfcs, which ours can only equal within the error of simulation.
source("../writing.R")
suppressPackageStartupMessages({library(mice); library(mitml); library(smcfcs)})
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)

# --- D1 --------------------------------------------------------------------------------------------------------------
d1 <- function(sets, full, reduced, dfcom, data = sets) {
  larger <- as.mitml.result(lapply(data, function(d) coxph(full, d, control = tight)))
  smaller <- as.mitml.result(lapply(data, function(d) coxph(reduced, d, control = tight)))
  v <- testModels(larger, smaller, method = "D1", df.com = if (is.infinite(dfcom)) NULL else dfcom)$test
  out <- list(f = v[1, 1], df = v[1, 2], df_denominator = v[1, 3], p = v[1, 4], riv = v[1, 5])
  if (is.finite(dfcom)) {
    other <- suppressWarnings(D1(larger, smaller, dfcom = dfcom)$result)
    stopifnot(isTRUE(all.equal(as.numeric(other), as.numeric(v), tolerance = 1e-12)))
  }
  out
}
pbc <- lapply(1:10, function(k) { d <- read.csv(sprintf("../mice/mice_pbc_imp%02d.csv", k)); d$lchol <- log(d$chol); d })
all8 <- Surv(years, death) ~ age + male + edema + lbili + albumin + protime + lchol + platelet
no_two <- Surv(years, death) ~ age + male + edema + lbili + albumin + protime
no_three <- Surv(years, death) ~ male + edema + lbili + albumin + protime

set.seed(50611)
n <- 160
holes <- data.frame(a = rnorm(n), b = rnorm(n), g = sample(c("p", "q", "r"), n, TRUE))
holes$time <- round(rexp(n, .1 * exp(.4 * holes$a + .3 * (holes$g == "q"))), 3) + .001
holes$status <- rbinom(n, 1, .6)
holes$a[runif(n) < .45] <- NA; holes$b[runif(n) < .4] <- NA
holes$g <- factor(holes$g); holes$g[runif(n) < .3] <- NA
few <- mice(holes, m = 5, maxit = 5, method = c("norm", "norm", "polyreg", "", ""), printFlag = FALSE, seed = 77)
few <- complete(few, "all")
for (k in 1:5) write_inputs(format(few[[k]], digits = 12, trim = TRUE), paste0("holes", k))
few <- lapply(1:5, function(k) read.csv(paste0("holes", k, ".csv"), stringsAsFactors = TRUE))
abg <- Surv(time, status) ~ a + b + g

tests <- list(
  pbc_two_117 = d1(pbc, all8, no_two, 117), pbc_two_inf = d1(pbc, all8, no_two, Inf),
  pbc_three_117 = d1(pbc, all8, no_three, 117), pbc_three_inf = d1(pbc, all8, no_three, Inf),
  holes_g_60 = d1(few, abg, Surv(time, status) ~ a + b, 60), holes_g_inf = d1(few, abg, Surv(time, status) ~ a + b, Inf),
  holes_ab_25 = d1(few, abg, Surv(time, status) ~ g, 25), holes_all_inf = d1(few, abg, Surv(time, status) ~ 1, Inf),
  holes_two_sets_a_inf = d1(few[1:2], abg, Surv(time, status) ~ b + g, Inf),
  holes_three_sets_g_inf = d1(few[1:3], abg, Surv(time, status) ~ a + b, Inf))

# --- chained equations -----------------------------------------------------------------------------------------------
set.seed(812)
n <- 400
p <- data.frame(z = rnorm(n))
p$w <- .5 * p$z + rnorm(n)
p$x <- rbinom(n, 1, plogis(.8 * p$z))
p$g <- factor(ifelse(runif(n) < .3, "a", ifelse(runif(n) < plogis(p$w), "b", "c")))
p$o <- cut(.7 * p$w + rlogis(n), c(-Inf, -1, .6, 1.6, Inf), labels = c("l1", "l2", "l3", "l4"), ordered_result = TRUE)
risk <- exp(.4 * p$w + .6 * p$x + c(a = 0, b = .4, c = -.4)[p$g] + .25 * as.integer(p$o))
first <- rexp(n, .06 * risk); second <- rexp(n, .05 * exp(.3 * p$z)); end <- runif(n, 2, 10)
p$time <- ceiling(pmin(first, second, end) * 365.25) / 365.25
p$status <- ifelse(end <= pmin(first, second), 0, ifelse(first <= second, 1, 2))
drop <- function(base, s) runif(n) < plogis(base + s * p$z + .5 * (p$status == 1))
gone <- list(w = drop(-1.2, .5), x = drop(-1.4, -.4), g = drop(-1.6, .3), o = drop(-1.5, 0))
for (name in names(gone)) p[[name]][gone[[name]]] <- NA
p$time <- signif(p$time, 12); p$w <- signif(p$w, 12); p$z <- signif(p$z, 12)
write_inputs(p, "patients")
cumulative <- function(k) { f <- survfit(Surv(p$time, p$status == k) ~ 1, timefix = FALSE); f$cumhaz[match(p$time, f$time)] }
given <- cbind(p[c("z", "w", "x", "g", "o")], d1 = as.numeric(p$status == 1), d2 = as.numeric(p$status == 2), h1 = cumulative(1), h2 = cumulative(2))
given$x <- factor(given$x)
stopifnot(!anyNA(given$h1))
m <- 400
imputed <- suppressWarnings(mice(given, m = m, maxit = 10, method = c("", "norm", "logreg", "polyreg", "polr", "", "", "", ""), printFlag = FALSE, seed = 5))
pooled <- function(sets, formula) {
  fits <- lapply(sets, function(d) coxph(formula, d, control = coxph.control(eps = 1e-12, iter.max = 50)))
  q <- sapply(fits, coef); u <- sapply(fits, function(f) diag(vcov(f)))
  list(term = rownames(q), estimate = unname(rowMeans(q)), within = unname(rowMeans(u)), between = unname(apply(q, 1, var)), m = length(sets))
}
sets <- lapply(complete(imputed, "all"), function(d) { d$time <- p$time; d$status <- p$status; d$o <- factor(d$o, ordered = FALSE); d })
many <- pooled(sets, Surv(time, status == 1) ~ w + x + g + o + z)

# --- in accordance with a Cox model ----------------------------------------------------------------------------------
s <- data.frame(time = p$time, status = p$status, w = p$w, x = p$x, z = p$z)
made <- smcfcs(s, smtype = "compet", smformula = list("Surv(time, status == 1) ~ w * x + z", "Surv(time, status == 2) ~ w * x + z"),
               method = c("", "", "norm", "logreg", ""), m = 200, numit = 10, rjlimit = 5000, noisy = FALSE)
agreeing <- pooled(made$impDatasets, Surv(time, status == 1) ~ w * x + z)

write_case(list(d1 = tests, mice = many, smcfcs = agreeing))
versions <- sapply(c("mice", "mitml", "smcfcs"), function(p) paste(p, packageVersion(p)))
write(versions, "session.txt", append = TRUE)
