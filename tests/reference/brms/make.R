# Hierarchical hazards by brms, on Stan: constant hazards as a Poisson model of the events with the follow-up for offset,
# which is the same model to the last prior; Cox's family, whose baseline is a spline of its own; Weibull with flat priors.
source("../writing.R")
suppressPackageStartupMessages({library(brms); library(rstan); library(posterior)})
rstan_options(boost_lib = "/usr/include")
set.seed(5120)
n <- 1000
d <- data.frame(class = sample(c("none", "ik6", "whole", "del_4_8", "other"), n, TRUE, c(.8, .07, .06, .03, .04)),
                subtype = sample(paste0("s", 1:6), n, TRUE), age = round(runif(n, 1, 17), 1), wbc = round(exp(rnorm(n, 2.5, 1)), 1),
                pax5 = rbinom(n, 1, .2))
effect <- c(none = 0, ik6 = .9, whole = .5, del_4_8 = 1.1, other = .3)[d$class] +
  c(s1 = -.8, s2 = -.3, s3 = 0, s4 = .3, s5 = .2, s6 = .9)[d$subtype] + .03 * (d$age - 8) + .2 * (log(d$wbc) - 2.5) + .2 * d$pax5
event <- rexp(n, .05 * exp(effect)); end <- runif(n, 3, 9)
d$time <- pmax(round(pmin(event, end), 3), .001); d$status <- as.integer(event <= end)
write_inputs(d, "patients")
z <- function(x) (x - mean(x)) / sqrt(mean((x - mean(x))^2))
d$deleted <- as.numeric(d$class != "none"); d$z_age <- z(d$age); d$z_wbc <- z(log(d$wbc)); d$censored <- 1 - d$status

of <- function(fit, names) {
  x <- subset_draws(as_draws_df(fit), variable = unname(names))
  s <- summarise_draws(x, mean, sd, mcse_mean, mcse_sd, rhat, ess_bulk)
  stopifnot(all(s$rhat < 1.01), all(s$ess_bulk > 1000), sum(nuts_params(fit, pars = "divergent__")$Value) == 0)
  data.frame(name = names(names), mean = s$mean, sd = s$sd, mcse_mean = s$mcse_mean, mcse_sd = s$mcse_sd)
}
run <- function(...) brm(..., data = d, chains = 4, iter = 4000, warmup = 1000, seed = 1, cores = 1, refresh = 0,
                         control = list(adapt_delta = .98), backend = "rstan")
effects <- c(deletion = "b_deleted", age = "b_z_age", wbc = "b_z_wbc", pax5 = "b_pax5", class_spread = "sd_class__deleted",
             subtype_spread = "sd_subtype__Intercept", ik6 = "r_class[ik6,deleted]", whole = "r_class[whole,deleted]",
             s1 = "r_subtype[s1,Intercept]", s6 = "r_subtype[s6,Intercept]")
priors <- c(prior(normal(0, .75), class = "b", coef = "deleted"), prior(normal(0, .5), class = "b", coef = "z_age"),
            prior(normal(0, .5), class = "b", coef = "z_wbc"), prior(normal(0, .5), class = "b", coef = "pax5"),
            prior(normal(0, .35), class = "sd", group = "class"), prior(normal(0, .75), class = "sd", group = "subtype"))

constant <- run(status ~ 0 + Intercept + deleted + z_age + z_wbc + pax5 + offset(log(time)) + (0 + deleted | class) + (1 | subtype),
                family = poisson(),
                prior = c(priors, set_prior(paste0("normal(", log(.08 / 5), ", 1)"), class = "b", coef = "Intercept")))
rate <- of(constant, c(level = "b_Intercept", effects))
rate$mean[rate$name == "level"] <- rate$mean[rate$name == "level"] + log(5)       # log cumulative hazard at 5 years
spline <- run(time | cens(censored) ~ deleted + z_age + z_wbc + pax5 + (0 + deleted | class) + (1 | subtype), family = cox(), prior = priors)
weibull <- run(time | cens(censored) ~ deleted + z_age + z_wbc + pax5, family = weibull())
draws <- as_draws_df(weibull)
ratios <- lapply(c(deletion = "b_deleted", age = "b_z_age", wbc = "b_z_wbc", pax5 = "b_pax5"), function(v) -draws$shape * draws[[v]])
ratios$shape <- draws$shape
weibull_rows <- do.call(rbind, lapply(names(ratios), function(v) {
  x <- matrix(ratios[[v]], ncol = 4)
  data.frame(name = v, mean = mean(x), sd = sd(x), mcse_mean = mcse_mean(x), mcse_sd = mcse_sd(x))
}))
write_case(list(constant = rate, spline = of(spline, effects), weibull = weibull_rows))
cat(paste(c("brms", "rstan", "StanHeaders", "posterior"), sapply(c("brms", "rstan", "StanHeaders", "posterior"), packageVersion)), sep = "\n", file = "session.txt", append = TRUE)
