# survival::pbc in years: 1 = transplant, 2 = death; by treatment (106 missing) and by histological stage (6 missing).
source("../writing.R")
d <- read.csv("pbc.csv")
causes <- c("transplant", "death")
d$state <- factor(d$status, 0:2, c("censored", causes))
times <- c(.25, 1, 2, 5, 8, 10, 12)

one <- function(by, tau) {
  x <- d[!is.na(d[[by]]), ]
  x$group <- x[[by]]
  last <- tapply(x$years, x$group, max)
  tests <- function(x, ...) lapply(c(rho0 = 0, rho0.5 = .5, rho1 = 1), function(rho) gray_rows(cuminc(x$years, x$status, x$group, rho = rho, ...), causes))
  s <- x[!is.na(x$trt), ]
  list(cuminc = cuminc_rows(cuminc(x$years, x$status, x$group), times, causes), gray = tests(x),
       gray_stratified_trt = if (by != "trt") tests(s, strata = s$trt),
       survfit = lapply(c(`log-log` = "log-log", plain = "plain", log = "log"), function(ct)
         state_rows(survfit(Surv(years, state) ~ group, x, conf.type = ct), times, last)),
       lost = do.call(rbind, lapply(sort(unique(x$group)), function(g) lost_rows(Surv(years, state) ~ 1, x[x$group == g, ], tau, as.character(g)))))
}
write_case(list(trt = one("trt", 10), stage = one("stage", 8)))
