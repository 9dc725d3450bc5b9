# Effects of a class within each subtype from one model with their interaction, and the test of heterogeneity; also with a
# combination that had no event, where R's coefficients run away and the others are those of the limit.
source("../writing.R")
suppressPackageStartupMessages(library(multcomp))
set.seed(71123)
n <- 220
d <- data.frame(class = factor(sample(c("none", "ik6", "whole"), n, TRUE, c(.6, .2, .2)), levels = c("none", "ik6", "whole")),
                subtype = factor(sample(c("other", "etv6", "heh"), n, TRUE), levels = c("other", "etv6", "heh")), age = round(runif(n, 1, 17), 1))
d$time <- pmin(ceiling(rexp(n, .15 * exp(.5 * (d$class == "ik6")))) + 1, sample(8:16, n, TRUE)) / 2
d$status <- ifelse(runif(n) < .3, 0, sample(1:2, n, TRUE, c(.7, .3)))
write_inputs(d, "patients")
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60)
effects <- function(data) {
  small <- coxph(Surv(time, status == 1) ~ class + subtype + age, data, control = tight)
  large <- suppressWarnings(coxph(Surv(time, status == 1) ~ class * subtype + age, data, control = tight))
  b <- coef(large)
  rows <- do.call(rbind, lapply(levels(d$subtype), function(s) do.call(rbind, lapply(c("ik6", "whole"), function(k) {
    w <- setNames(numeric(length(b)), names(b))
    w[paste0("class", k)] <- 1
    if (s != "other") w[paste0("class", k, ":subtype", s)] <- 1
    data.frame(group = s, contrast = paste(k, "vs none"), estimate = sum(w * b), std_error = sqrt(drop(w %*% vcov(large) %*% w)))
  }))))
  a <- anova(small, large)
  list(rows = rows, statistic = 2 * (large$loglik[2] - small$loglik[2]), df = length(coef(large)) - length(coef(small)), p_value = a[2, 4])
}
gone <- d; gone$status[gone$class == "ik6" & gone$subtype == "etv6"] <- 0
write_case(list(whole = effects(d), gone = effects(gone)))
