# Peto's standard error (Peto et al., Br J Cancer 1977;35:1-39): S(t) sqrt((1 - S(t)) / n(t)), n(t) = patients whose time is
# at least t. By definition: survfit gives S(t), and n(t) is counted. Plain interval S +- 1.96 SE, kept within 0 and 1.
source("../writing.R")
rows <- function(d, times) {
  s <- curve_rows(survfit(Surv(time, status) ~ group, d), times, tapply(d$time, d$group, max))
  s <- s[!s$beyond, c("group", "time", "estimate")]
  n <- mapply(function(g, t) sum(d$group == g & d$time >= t), s$group, s$time)
  s$std_error <- s$estimate * sqrt((1 - s$estimate) / n)
  s$low_plain <- pmax(0, s$estimate - qnorm(.975) * s$std_error)
  s$high_plain <- pmin(1, s$estimate + qnorm(.975) * s$std_error)
  s
}
pbc <- read.csv("../incidence_pbc/pbc.csv")
pbc <- data.frame(time = pbc$years, status = as.integer(pbc$status == 2), group = pbc$stage)[!is.na(pbc$stage), ]
write_case(list(pbc_stage = rows(pbc, c(.5, 1, 2, 5, 8, 10)),
                months = rows(read.csv("../km_weighted_entry/zero.csv"), c(0, 1, 3, 6, 12, 24, 36, 48))))
