# 120 patients, whole-month times; about 50 are transplanted. A patient counts as transplanted after the time of the
# transplant, (switch, time], so an event at that very time belongs to the time before. Events at time 0 count: (start, stop]
# rows begin at -1, since a row from 0 to 0 would be lost.
source("../writing.R")
set.seed(31)
n <- 120
d <- data.frame(time = pmin(floor(rexp(n, .03)), sample(15:60, n, TRUE)), transplant = ifelse(runif(n) < .55, 1 + floor(rexp(n, .12)), NA))
d$status <- ifelse(runif(n) < .3, 0, 1)
d$time[1:4] <- 0; d$status[1:4] <- c(1, 1, 0, 1)
d$transplant[!is.na(d$transplant) & d$transplant > d$time] <- NA               # never reached
d$transplant[10] <- d$time[10]; d$status[10] <- 1                              # transplant and event at one time
d$transplant[11] <- d$time[11]; d$status[11] <- 0                              # transplant and last contact at one time
write_inputs(d, "patients")
z <- d                                                                         # the same with some transplanted at time 0
z$transplant[c(2, which(!is.na(d$transplant) & d$time > 0)[1:8])] <- 0         # patient 2 has an event then, too
write_inputs(z, "at_zero")

times <- c(3, 6, 12, 18, 24, 36, 48, 61)
both <- function(d, throughout = FALSE) {
  never <- is.na(d$transplant) | d$transplant >= d$time
  start <- if (throughout) !never & d$transplant == 0 else rep(FALSE, n)        # transplanted from the start on
  rows <- rbind(data.frame(start = -1, stop = ifelse(never, d$time, d$transplant), event = ifelse(never, d$status, 0), transplanted = 0)[!start, ],
                data.frame(start = ifelse(start, -1, d$transplant), stop = d$time, event = d$status, transplanted = 1)[!never, ])
  stopifnot(sum(rows$event) == sum(d$status))
  last <- tapply(rows$stop, rows$transplanted, max)
  curve <- curve_rows(survfit(Surv(start, stop, event) ~ transplanted, rows, conf.type = "log-log"), times, last)
  curve$n_risk <- mapply(function(g, t) sum(rows$transplanted == g & rows$stop >= t & rows$start < t), curve$group, curve$time)
  score <- coxph(Surv(start, stop, event) ~ transplanted, rows, ties = "exact")$score
  list(curve = curve, mantel_byar = list(statistic = score, df = 1, p_value = pchisq(score, 1, lower.tail = FALSE)))
}
# At time 0 itself two rules differ for those transplanted at 0 and followed for longer: not yet transplanted then, as
# (switch, time] says (at_zero), or transplanted from the start (at_zero_throughout).
write_case(list(patients = both(d), at_zero = both(z), at_zero_throughout = both(z, TRUE)))
