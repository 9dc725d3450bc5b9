# Optimism by the bootstrap, resample by resample: coxph on the patients drawn, its linear predictor among them and among all,
# concordance within strata and the slope of a coxph of the predictor alone. One case is compared with rms::validate here.
source("../writing.R")
suppressPackageStartupMessages(library(rms))
tight <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 60)
B <- 20

# y ~ columns of x; strata g, offset o: everything named anew for each set of patients
fitted_to <- function(y, x, g, o, ties) {
  d <- list(y = y, x = x, g = g, o = o)
  coef(coxph(y ~ x + offset(o) + strata(g), d, ties = ties, control = tight))
}
measured <- function(y, x, g, o, b, ties) {
  lp <- as.vector(x %*% b)
  # equal covariates may differ in the last digit of the predictor
  d <- list(y = y, lp = lp, total = signif(lp + o, 13), g = g, o = o)
  s <- coxph(y ~ lp + offset(o) + strata(g), d, ties = ties, control = tight)
  c(unname(concordance(y ~ total + strata(g), d, reverse = TRUE, timefix = TRUE)$concordance), unname(coef(s)))
}
# `patients`: rows of each patient; `columns(rows)`: how covariates are made of the rows drawn, for all rows
case <- function(y, columns, ties, g = rep(1, nrow(y)), o = rep(0, nrow(y)), patients = as.list(seq_len(nrow(y)))) {
  every <- seq_len(nrow(y)); x <- columns(every)
  b <- fitted_to(y, x, g, o, ties)
  apparent <- measured(y, x, g, o, b, ties)
  drawn <- t(replicate(B, sample(length(patients), replace = TRUE)))
  found <- apply(drawn, 1, function(p) {
    r <- unlist(patients[p]); x <- columns(r)
    b <- fitted_to(y[r, ], x[r, ], g[r], o[r], ties)
    c(measured(y[r, ], x[r, ], g[r], o[r], b, ties), measured(y, x, g, o, b, ties))
  })
  optimism <- found[1:2, ] - found[3:4, ]
  list(drawn = drawn - 1, apparent = apparent, training = t(found[1:2, ]), test = t(found[3:4, ]), mean_training = rowMeans(found[1:2, ]),
       mean_test = rowMeans(found[3:4, ]), optimism = rowMeans(optimism), corrected = apparent - rowMeans(optimism),
       std_error = apply(optimism, 1, sd) / sqrt(B))
}

veteran <- survival::veteran
veteran$shift <- round(-veteran$karno / 60, 2)
write_inputs(veteran, "veteran")
y <- with(veteran, Surv(time, status))
x <- model.matrix(~ celltype + karno + age, veteran)[, -1]
set.seed(11); plain <- case(y, function(r) x, "efron")
theirs <- cph(Surv(time, status) ~ celltype + karno + age, veteran, x = TRUE, y = TRUE, eps = 1e-10)
set.seed(11); v <- rms::validate(theirs, B = B)
found <- rbind((v["Dxy", 1:5] + c(1, 1, 1, 0, 1)) / c(2, 2, 2, 2, 2), v["Slope", 1:5])
ours <- cbind(plain$apparent, plain$mean_training, plain$mean_test, plain$optimism, plain$corrected)
stopifnot(max(abs(found - ours)) < 1e-4)                     # rms stops its fits at 1e-4

x2 <- model.matrix(~ celltype + age, veteran)[, -1]
set.seed(12); offset_strata <- case(y, function(r) x2, "breslow", veteran$trt, veteran$shift)

# spline knots are those of the patients drawn
pbc <- survival::pbc[c("time", "status", "sex", "age", "bili", "edema", "protime")]
write_inputs(pbc, "pbc")
known <- which(complete.cases(pbc)); p <- pbc[known, ]
columns <- function(r) {
  own <- attr(rcspline.eval(p$age[r], nk = 4, inclx = TRUE, fractied = 0), "knots")
  cbind(log(p$bili), rcspline.eval(p$age, knots = own, inclx = TRUE), p$edema, p$protime)
}
set.seed(13); splines <- case(with(p, Surv(time, status == 2)), columns, "efron", as.character(p$sex))

heart <- survival::heart[c("start", "stop", "event", "age", "surgery", "transplant", "id")]
heart$transplant <- as.integer(as.character(heart$transplant))
write_inputs(heart, "heart")
x3 <- as.matrix(heart[c("age", "surgery", "transplant")])
set.seed(14); rows <- case(with(heart, Surv(start, stop, event)), function(r) x3, "efron", patients = split(seq_len(nrow(heart)), heart$id))

# two completed data sets of the patients and of one resample: coefficients averaged, measures averaged
set.seed(15)
one <- sample(nrow(veteran), replace = TRUE)
karno <- round(sapply(1:2, function(k) veteran$karno + rnorm(nrow(veteran), 0, 8)), 1)
again <- round(sapply(1:2, function(k) veteran$karno[one] + rnorm(nrow(veteran), 0, 8)), 1)
set <- function(k, values, r) { m <- x[r, ]; m[, "karno"] <- values[, k]; m }
every <- seq_len(nrow(y)); alone <- rep(1, nrow(y)); none <- rep(0, nrow(y))
average <- function(values, r) rowMeans(sapply(1:2, function(k) fitted_to(y[r, ], set(k, values, r), alone, none, "efron")))
mean_over <- function(values, r, b) rowMeans(sapply(1:2, function(k) measured(y[r, ], set(k, values, r), alone, none, b, "efron")))
b <- average(again, one)
imputed <- list(drawn = one - 1, karno = t(karno), again = t(again), apparent = mean_over(karno, every, average(karno, every)),
                training = mean_over(again, one, b), test = mean_over(karno, every, b))

write_case(list(plain = plain, rms = found, offset_strata = offset_strata, splines = splines, rows = rows, imputed = imputed))
cat(paste("rms", packageVersion("rms")), file = "session.txt", sep = "\n", append = TRUE)
