# The B-lineage study of analyses/02_chiaretti from the raw file, in R: who is analysed, EFS, DFS, relapse, tests, Cox.
source("../writing.R")
library(cmprsk)
d <- read.csv("../../../analyses/02_chiaretti/clinical.csv", check.names = FALSE, na.strings = "", colClasses = "character")
unreadable <- c("00/09/01", "00/09/20+T12501")
d <- d[grepl("^B", d$BT) & !is.na(d$diagnosis) & !(d[["date last seen"]] %in% unreadable) & !(d$CR %in% "DEATH IN CR"), ]
day <- function(x) as.Date(x, format = "%m/%d/%Y")
event <- ifelse(d$CR %in% "REF", "non-response", ifelse(d$CR %in% "DEATH IN INDUCTION", "induction death",
         ifelse(grepl("REL", d$f.u), "relapse", ifelse(grepl("DEATH", d$f.u), "death in remission", "none"))))
at_zero <- event %in% c("non-response", "induction death")
efs <- ifelse(at_zero, 0, as.numeric(day(d[["date last seen"]]) - day(d$diagnosis)) / 365.25)
keep <- !is.na(efs)
d <- d[keep, ]; event <- event[keep]; efs <- efs[keep]
dfs <- ifelse(event %in% c("non-response", "induction death"), NA,
              as.numeric(day(d[["date last seen"]]) - suppressWarnings(day(d$date.cr))) / 365.25)
group <- factor(ifelse(d$mol.biol %in% c("NEG", "p15/p16", "NUP-98"), "none of these", d$mol.biol),
                c("none of these", "BCR/ABL", "ALL1/AF4", "E2A/PBX1"), c("none of these", "BCR::ABL1", "KMT2A::AFF1", "TCF3::PBX1"))
in_remission <- !is.na(dfs)
curve <- function(time, status, group) {
  s <- summary(survfit(Surv(time, status) ~ group, conf.type = "log-log"), times = 1)
  data.frame(group = sub("group=", "", s$strata), estimate = s$surv, std_error = s$std.err, low = s$lower, high = s$upper)
}
fit <- coxph(Surv(efs, event != "none") ~ group, control = coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 50))
x <- cuminc(dfs[in_remission], event[in_remission], group[in_remission], cencode = "none")
at <- timepoints(x, 1)
write_case(list(
  n = length(efs), n_remission = sum(in_remission),
  efs = curve(efs, event != "none", group), dfs = curve(dfs[in_remission], event[in_remission] != "none", group[in_remission]),
  logrank = survdiff(Surv(efs, event != "none") ~ group)$chisq,
  cox = data.frame(group = sub("group", "", names(coef(fit))), estimate = unname(coef(fit)), std_error = unname(sqrt(diag(vcov(fit))))),
  gray = unname(x$Tests["relapse", "stat"]),
  relapse = data.frame(curve = rownames(at$est), estimate = unname(at$est[, 1]))
))
