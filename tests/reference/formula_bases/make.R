# Bases and design matrices of formulas: rcspline.eval of Hmisc, poly and model.matrix of R, and one coxph of all of them together.
# Needs r-cran-hmisc beside what writing.R needs.
source("../writing.R")
set.seed(1604)
n <- 140
d <- data.frame(
  time = round(rexp(n, .2), 4), status = sample(0:2, n, TRUE, c(.35, .45, .2)),
  age = round(rgamma(n, 2, .3), 3), wbc = round(exp(rnorm(n, 3, 1.3)), 2), year = sample(1996:2019, n, TRUE),
  blasts = pmin(100, round(rnorm(n, 85, 15), 3)),                 # many share 100
  sex = sample(c("female", "male"), n, TRUE), mrd = sample(c("low", "medium", "high"), n, TRUE, c(.5, .3, .2)),
  ikzf1_class = sample(c("none", "ik6", "whole_gene", "rare"), n, TRUE, c(.5, .25, .2, .05)))
d$age[c(3, 50)] <- NA; d$mrd[c(17, 90)] <- NA
d$mrd[!is.na(d$mrd) & d$ikzf1_class == "rare" & d$mrd == "medium"] <- "low"      # a cell with nobody
stopifnot(!any(duplicated(na.omit(d$age))), sum(d$ikzf1_class == "rare", na.rm = TRUE) > 3)
write_inputs(d, "patients")

first <- function(m) unname(unclass(m))[1:25, , drop = FALSE]                   # enough rows to compare; learned from all
sets <- list(all = d, small = d[1:70, ])
splines <- do.call(c, lapply(names(sets), function(s) do.call(c, lapply(c("age", "wbc"), function(v) lapply(3:7, function(k) {
  x <- na.omit(sets[[s]][[v]]); b <- Hmisc::rcspline.eval(x, nk = k, inclx = TRUE, fractied = 0)
  stopifnot(identical(attr(b, "knots"), attr(Hmisc::rcspline.eval(x, nk = k, inclx = TRUE), "knots")))
  list(set = s, variable = v, k = k, knots = unname(attr(b, "knots")), columns = first(b)) })))))
given <- list(knots = c(1, 5, 10, 20.5), columns = first(Hmisc::rcspline.eval(na.omit(d$age), c(1, 5, 10, 20.5), inclx = TRUE)))
# one value in ten is the highest: Hmisc moves the outer knot inwards by default, and takes plain quantiles without fractied
tied <- lapply(c(plain = 0, moved = .05), function(f) {
  b <- Hmisc::rcspline.eval(d$blasts, nk = 4, inclx = TRUE, fractied = f); list(knots = unname(attr(b, "knots")), columns = first(b)) })
stopifnot(mean(d$blasts == 100) > .05, !identical(tied$plain$knots, tied$moved$knots))

new <- c(0, 2.5, 11, 40)
polynomials <- do.call(c, lapply(c("age", "wbc", "year"), function(v) lapply(1:5, function(k) {
  x <- d[[v]]; p <- poly(x[!is.na(x)], k); list(variable = v, degree = k, columns = first(matrix(p, ncol = k)), new = matrix(predict(p, new), ncol = k)) })))

f <- d; f$ikzf1_class <- relevel(factor(f$ikzf1_class), "none"); f$mrd <- factor(f$mrd); f$sex <- factor(f$sex)
f <- f[complete.cases(f), ]
formulas <- c("age + sex", "sex*mrd", "age*ikzf1_class", "sex*mrd*age", "ikzf1_class*mrd", "log(wbc)*sex", "log2(wbc) + log10(wbc):age + sqrt(year)",
              "sex*ikzf1_class + mrd*age", "scale(log(wbc)) + scale(age)*sex", "poly(age, 2)*sex", "age:year + sex*mrd + age")
matrices <- lapply(formulas, function(text) { m <- model.matrix(as.formula(paste("~", text)), f)[, -1, drop = FALSE]
  list(formula = text, names = colnames(m), columns = first(m)) })

g <- droplevels(f[f$ikzf1_class != "rare", ]); spline <- Hmisc::rcspline.eval(g$age, nk = 4, inclx = TRUE)
fit <- coxph(Surv(time, status == 1) ~ ikzf1_class*sex + log(wbc) + spline, g, control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50))
write_case(list(splines = splines, given = given, tied = tied, polynomials = polynomials, matrices = matrices,
  cox = data.frame(name = names(coef(fit)), estimate = unname(coef(fit)), std_error = unname(sqrt(diag(vcov(fit)))))))
write(paste("Hmisc", packageVersion("Hmisc")), "session.txt", append = TRUE)
