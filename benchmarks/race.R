# Times survival and cmprsk on the data that curves.py wrote: Rscript race.R data.csv covariates.csv|none
# CPU time (user + system), median of repeated batches after a warm-up; prints one JSON object a line.
suppressPackageStartupMessages(library(survival))
has_cmprsk <- suppressWarnings(suppressPackageStartupMessages(require(cmprsk, quietly = TRUE)))
args <- commandArgs(trailingOnly = TRUE)

d <- as.data.frame(scan(args[1], what = list(days = 0, cause = 0L, group = 0L), sep = ",", skip = 1, quiet = TRUE))
d$group <- factor(d$group)
n <- nrow(d)
event <- as.integer(d$cause > 0)
five_years <- 5 * 365.25

cpu <- function(run, times = 1) { s <- system.time(for (i in seq_len(times)) run(), gcFirst = FALSE); s[["user.self"]] + s[["sys.self"]] }
race <- function(task, program, run, value) {
  invisible(gc(reset = TRUE))
  before <- sum(gc()[, 2])
  result <- run()                                                        # warm-up
  memory <- gc()
  memory <- sum(memory[, ncol(memory)]) - before
  one <- cpu(run)
  inner <- max(1, ceiling(0.1 / max(one, 1e-4)))
  batches <- max(3, min(7, floor(0.6 / max(one * inner, 1e-4))))
  seconds <- median(vapply(seq_len(batches), function(i) cpu(run, inner) / inner, 0))
  cat(sprintf('{"task": "%s", "program": "%s", "seconds": %.9g, "peak_mb": %.4g, "value": %.15g}\n', task, program, seconds, memory, value(result)))
}
version <- function(name) paste(name, as.character(packageVersion(name)))
label <- function(package, call) paste0(call, " (", version(package), ")")

race("km", label("survival", "survfit"), function() survfit(Surv(days, event) ~ 1, d), function(r) summary(r, times = five_years)$surv)
race("logrank", label("survival", "survdiff"), function() survdiff(Surv(days, event) ~ group, d), function(r) r$chisq)
if (has_cmprsk) {
  at_five <- function(r) timepoints(r, five_years)$est["1 1", 1]
  together <- function() cuminc(d$days, d$cause, d$group)
  race("cif", label("cmprsk", "cuminc, tests included"), together, at_five)
  parts <- split(d, d$group)
  apart <- function() lapply(parts, function(x) cuminc(x$days, x$cause))
  race("cif", label("cmprsk", "cuminc group by group, no tests"), apart, function(r) timepoints(r[[2]], five_years)$est["1 1", 1])
  race("gray", label("cmprsk", "cuminc, both causes and the incidence"), together, function(r) r$Tests[1, "stat"])
}
if (n <= 1e4) {
  state <- factor(d$cause, 0:2, c("censored", "relapse", "death"))
  race("cif", label("survival", "survfit, multi-state"), function() survfit(Surv(days, state) ~ group, d),
       function(r) { s <- summary(r[2, ], times = five_years); s$pstate[1, which(s$states == "relapse")] })
}
if (args[2] != "none") {
  x <- as.matrix(read.csv(args[2]))
  race("cox", label("survival", "coxph"), function() coxph(Surv(d$days, event) ~ x), function(r) coef(r)[[1]])
}
