# Table 1, frequencies, co-occurrence and the weights of the tested: R's own tests on the patients of analyses/02_chiaretti and
# on simulated ones (patients.csv). Where R has no function (standardised differences, balance) by definition.
source("../writing.R")
set.seed(335)
n <- 90
d <- data.frame(
  age = round(rexp(n, 1 / 6), 6), wbc = round(exp(rnorm(n, 3, 1.2)), 1), blasts = sample(c(60, 70, 80, 90, 95), n, TRUE),
  sex = sample(c("male", "female"), n, TRUE), subtype = sample(c("B-other", "ETV6-RUNX1", "HeH", "rare"), n, TRUE, c(.4, .3, .25, .05)),
  arm = sample(c("a", "b"), n, TRUE, c(.6, .4)), protocol = sample(c("p1", "p2", "p3"), n, TRUE))
d$ikzf1 <- ifelse(runif(n) < plogis(-1.5 + .1 * d$age), "deleted", "normal")
d$pax5 <- ifelse(runif(n) < ifelse(d$ikzf1 == "deleted", .45, .15), "deleted", "normal")
d$ebf1 <- ifelse(runif(n) < .06, "deleted", "normal")
d$erg <- ifelse(d$ikzf1 == "deleted", "normal", ifelse(runif(n) < .15, "deleted", "normal"))
d$tested <- runif(n) < plogis(.3 + .02 * d$wbc - .05 * d$age + .6 * (d$protocol == "p2"))
d$age[c(4, 17, 60)] <- NA; d$sex[c(2, 33)] <- NA; d$pax5[c(7, 8, 70)] <- "not_tested"; d$wbc[c(12, 20, 31, 45, 61, 77, 88)] <- NA
stopifnot(!any(duplicated(na.omit(d$age))), any(duplicated(d$blasts)))
write.csv(d, "patients.csv", row.names = FALSE, quote = FALSE, na = "NA")

raw <- read.csv("../../../analyses/02_chiaretti/clinical.csv", check.names = FALSE, na.strings = "", colClasses = "character")
chiaretti <- data.frame(age = as.numeric(raw$age), sex = raw$sex, lineage = substr(raw$BT, 1, 1), stage = raw$BT,
                        fusion = ifelse(raw$mol.biol %in% c("BCR/ABL", "ALL1/AF4", "E2A/PBX1"), raw$mol.biol, "none"))

# fisher.test finds the odds ratio, or its inverse where that is smaller, to about 1e-4 only (absolute): the same equations of the
# noncentral hypergeometric, solved to the end
odds <- function(x, level = .95) {
  m <- sum(x[, 1]); k <- sum(x[1, ]); s <- max(0, k - sum(x[, 2])):min(k, m); ld <- dhyper(s, m, sum(x[, 2]), k, log = TRUE)
  p <- function(l) { z <- exp(ld + s * l - max(ld + s * l)); z / sum(z) }
  root <- function(f) uniroot(f, c(-50, 50), tol = 1e-15, maxiter = 1e5)$root
  a <- (1 - level) / 2; f <- fisher.test(x, conf.level = level)
  out <- list(estimate = if (x[1] == min(s)) -Inf else if (x[1] == max(s)) Inf else root(function(l) sum(s * p(l)) - x[1]),
              low = if (x[1] == min(s)) -Inf else root(function(l) sum(p(l)[s >= x[1]]) - a),
              high = if (x[1] == max(s)) Inf else root(function(l) sum(p(l)[s <= x[1]]) - a), p_value = f$p.value)
  theirs <- log(c(f$estimate, f$conf.int)); ours <- unlist(out[1:3]); finite <- is.finite(ours)
  stopifnot(all(theirs[!finite] == ours[!finite]), max(abs(exp(-abs(theirs[finite])) - exp(-abs(ours[finite])))) < 2e-4)
  lapply(out, function(v) if (is.finite(v)) v else if (v > 0) "inf" else "-inf")
}
loci <- c("ikzf1", "pax5", "ebf1", "erg")
pairs <- do.call(rbind, apply(combn(loci, 2), 2, function(p) {
  x <- d[d[[p[1]]] != "not_tested" & d[[p[2]]] != "not_tested", p]
  t <- table(factor(x[[1]], c("deleted", "normal")), factor(x[[2]], c("deleted", "normal")))
  data.frame(first = p[1], second = p[2], n_both = t[1], n_second_only = t[2], n_first_only = t[3], n_neither = t[4], odds(t), odds(t, .9)[2:3])
}))
names(pairs)[names(pairs) %in% c("low.1", "high.1")] <- c("low_90", "high_90")
for (how in c("BH", "BY", "holm", "bonferroni")) pairs[[how]] <- p.adjust(pairs$p_value, how)
tables <- list(c(22, 215, 8, 33), c(4, 215, 1, 33), c(100, 300, 2000, 4000), c(5, 5, 5, 5), c(1, 300, 400, 2), c(3, 9, 7, 1), c(12, 30, 18, 0))
tables <- do.call(rbind, lapply(tables, function(t) data.frame(a = t[1], b = t[3], c = t[2], d = t[4], odds(matrix(t, 2)))))

limits <- do.call(rbind, lapply(list(c(17, 109), c(1, 109), c(0, 12), c(12, 12), c(3, 14), c(400, 1000)), function(k)
  do.call(rbind, lapply(c(.9, .95, .99), function(l) { ci <- binom.test(k[1], k[2], conf.level = l)$conf.int
    data.frame(k = k[1], m = k[2], conf_level = l, low = ci[1], high = ci[2]) }))))

row <- function(data, variable, by, test, h, df = NA) data.frame(data = data, variable = variable, by = by, test = test,
  statistic = if (is.null(h$statistic)) NA else unname(h$statistic), df = df, p_value = h$p.value)
chi <- function(data, name, v, by) {
  h <- suppressWarnings(chisq.test(table(data[[v]], data[[by]]), correct = FALSE)); row(name, v, by, "chi-square", h, unname(h$parameter)) }
w <- function(data, name, v, by) row(name, v, by, "rank", suppressWarnings(wilcox.test(data[[v]] ~ data[[by]])))
kw <- function(data, name, v, by) { h <- kruskal.test(data[[v]], factor(data[[by]])); row(name, v, by, "rank", h, unname(h$parameter)) }
tt <- function(data, name, v, by, equal) { h <- t.test(data[[v]] ~ data[[by]], var.equal = equal)
  row(name, v, by, if (equal) "t" else "welch", h, unname(h$parameter)) }
fi <- function(data, name, v, by) row(name, v, by, "fisher", fisher.test(table(data[[v]], data[[by]]))[c("p.value")])
small <- d[1:40, ]
tests <- rbind(
  w(small, "small", "age", "arm"), w(d, "patients", "age", "arm"), w(d, "patients", "blasts", "arm"), w(chiaretti, "chiaretti", "age", "lineage"),
  kw(d, "patients", "age", "protocol"), kw(d, "patients", "blasts", "subtype"), kw(chiaretti, "chiaretti", "age", "fusion"),
  tt(d, "patients", "age", "arm", TRUE), tt(d, "patients", "age", "arm", FALSE), tt(chiaretti, "chiaretti", "age", "sex", TRUE), tt(chiaretti, "chiaretti", "age", "sex", FALSE),
  chi(d, "patients", "sex", "arm"), chi(d, "patients", "subtype", "arm"), chi(d, "patients", "protocol", "subtype"), chi(chiaretti, "chiaretti", "stage", "fusion"),
  chi(chiaretti, "chiaretti", "sex", "lineage"), fi(d, "patients", "erg", "ikzf1"), fi(d, "patients", "ebf1", "arm"), fi(d, "patients", "sex", "arm"), fi(chiaretti, "chiaretti", "sex", "lineage"))

moments <- function(data, name, v, by) do.call(rbind, lapply(split(data, data[[by]]), function(x) { y <- x[[v]]; k <- y[!is.na(y)]
  data.frame(data = name, variable = v, by = by, group = x[[by]][1], n = length(k), mean = mean(k), sd = sd(k), median = median(k),
             q1 = quantile(k, .25, names = FALSE), q3 = quantile(k, .75, names = FALSE), min = min(k), max = max(k), n_missing = sum(is.na(y)), row.names = NULL) }))
numbers <- rbind(moments(d, "patients", "age", "arm"), moments(d, "patients", "blasts", "subtype"), moments(chiaretti, "chiaretti", "age", "sex"))

# b minus a, groups in sorted order
apart <- function(v, g) { p <- split(v, g); unname((mean(p[[2]], na.rm = TRUE) - mean(p[[1]], na.rm = TRUE)) / sqrt((var(p[[1]], na.rm = TRUE) + var(p[[2]], na.rm = TRUE)) / 2)) }
mahalanobis_apart <- function(v, g) { p <- prop.table(table(v, g), 2); p <- p[-1, , drop = FALSE]; t <- p[, 2] - p[, 1]
  s <- (diag(p[, 1], nrow(p)) - outer(p[, 1], p[, 1]) + diag(p[, 2], nrow(p)) - outer(p[, 2], p[, 2])) / 2
  sqrt(drop(t(t) %*% solve(s) %*% t)) }
level_apart <- function(v, g, level) { p <- tapply(v == level, g, mean, na.rm = TRUE); unname((p[2] - p[1]) / sqrt(sum(p * (1 - p)) / 2)) }
differences <- rbind(
  data.frame(data = "patients", variable = "age", by = "arm", level = "", estimate = apart(d$age, d$arm)),
  data.frame(data = "chiaretti", variable = "age", by = "sex", level = "", estimate = apart(chiaretti$age, chiaretti$sex)),
  data.frame(data = "patients", variable = "subtype", by = "arm", level = "", estimate = mahalanobis_apart(d$subtype, d$arm)),
  data.frame(data = "patients", variable = "sex", by = "arm", level = "", estimate = mahalanobis_apart(d$sex, d$arm)),
  data.frame(data = "patients", variable = "subtype", by = "arm", level = unique(d$subtype), estimate = sapply(unique(d$subtype), function(l) level_apart(d$subtype, d$arm, l))),
  data.frame(data = "chiaretti", variable = "stage", by = "sex", level = "", estimate = mahalanobis_apart(chiaretti$stage, chiaretti$sex)))

# being tested: a logistic model with a level "missing" for every covariate that is missing somewhere
m <- d; m$wbc_missing <- as.numeric(is.na(m$wbc)); m$wbc[is.na(m$wbc)] <- mean(m$wbc, na.rm = TRUE)
m$sex <- factor(ifelse(is.na(m$sex), "missing", m$sex), c("female", "male", "missing")); m$protocol <- factor(m$protocol)
fit_with <- function(f) glm(f, binomial, m, control = glm.control(epsilon = 1e-15, maxit = 100))
stopifnot(all(tapply(m$tested, m$wbc_missing, function(x) any(x) && any(!x))))
fit <- fit_with(tested ~ wbc + wbc_missing + blasts + protocol)
p <- fitted(fit)[m$tested]; share <- mean(m$tested); weight <- share / p
cut <- pmin(pmax(weight, quantile(weight, .05)), quantile(weight, .9))
balance <- function(v, known = rep(TRUE, n)) { all <- v[known]; one <- all(all %in% 0:1); s <- if (one) sqrt(mean(all) * (1 - mean(all))) else sd(all)
  k <- known[m$tested]; c((mean(v[m$tested][k]) - mean(all)) / s, (weighted.mean(v[m$tested][k], weight[k]) - mean(all)) / s) }
balances <- rbind(balance(m$wbc, m$wbc_missing == 0), balance(m$wbc_missing), balance(m$blasts), balance(as.numeric(m$protocol == "p1")),
                  balance(as.numeric(m$protocol == "p2")), balance(as.numeric(m$protocol == "p3")))
area <- unname(suppressWarnings(wilcox.test(fitted(fit)[m$tested], fitted(fit)[!m$tested]))$statistic) / (sum(m$tested) * sum(!m$tested))
write_case(list(
  limits = limits, pairs = pairs, tables = tables, tests = tests, numbers = numbers, differences = differences,
  testing = list(
    coefficients = data.frame(name = names(coef(fit)), estimate = unname(coef(fit)), std_error = unname(sqrt(diag(vcov(fit))))),
    weights = unname(weight), raw = unname(1 / p), truncated = unname(cut), n_effective = sum(weight)^2 / sum(weight^2), concordance = area,
    balance = data.frame(before = balances[, 1], after = balances[, 2]))
))
