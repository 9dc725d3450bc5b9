# 160 patients, whole-month times with heavy ties and events at time 0, four groups, three strata.
source("../writing.R")
set.seed(777)
n <- 160
d <- data.frame(group = sample(1:4, n, TRUE), stratum = sample(c("low", "middle", "high"), n, TRUE), sex = sample(c("f", "m"), n, TRUE))
d$time <- pmin(floor(rexp(n, .015 * (1 + .5 * d$group) * c(low = 1, middle = 1.5, high = 2)[d$stratum])), sample(18:48, n, TRUE))
d$status <- ifelse(runif(n) < .3, 0, 1)
d$time[1:5] <- 0; d$status[1:5] <- c(1, 1, 1, 0, 1)
write_inputs(d, "patients")

test <- function(s) {
  whole <- function(x) if (is.matrix(x)) rowSums(x) else x
  df <- sum(whole(s$exp) > 0) - 1
  list(statistic = s$chisq, df = df, p_value = pchisq(s$chisq, df, lower.tail = FALSE), n = as.vector(s$n), observed = whole(s$obs), expected = whole(s$exp))
}
rhos <- c(rho0 = 0, rho0.5 = .5, rho1 = 1)
S <- Surv(d$time, d$status)

# Fleming-Harrington G(rho, gamma) from its definition (no package here has gamma): weight S(t-)^rho (1 - S(t-))^gamma with
# the pooled Kaplan-Meier of the stratum, hypergeometric variance; numerators and variances are summed over strata.
definition <- function(time, status, group, stratum, rho, gamma) {
  levels <- sort(unique(group)); K <- length(levels); O <- E <- rep(0, K); V <- matrix(0, K, K)
  for (s in unique(stratum)) {
    k <- stratum == s; surv <- 1
    for (t in sort(unique(time[k & status == 1]))) {
      Y <- sapply(levels, function(g) sum(k & group == g & time >= t)); y <- sum(Y)
      D <- sapply(levels, function(g) sum(k & group == g & time == t & status == 1)); m <- sum(D)
      w <- surv^rho * (1 - surv)^gamma
      O <- O + w * D; E <- E + w * m * Y / y
      if (y > 1) V <- V + w^2 * m * (y - m) / (y - 1) * (diag(Y / y) - outer(Y, Y) / y^2)
      surv <- surv * (1 - m / y)
    }
  }
  U <- (O - E)[-1]
  chisq <- as.numeric(U %*% solve(V[-1, -1], U))
  list(statistic = chisq, df = K - 1, p_value = pchisq(chisq, K - 1, lower.tail = FALSE), observed = O, expected = E)
}
none <- rep(1, n)
grid <- list(c(0, 1), c(1, 1), c(.5, .5), c(0, .5), c(2, .5))
names(grid) <- sapply(grid, paste, collapse = " ")
fh <- function(stratum) lapply(grid, function(g) definition(d$time, d$status, d$group, stratum, g[1], g[2]))
for (rho in rhos) {                                    # with gamma = 0 the definition is survdiff
  stopifnot(all.equal(definition(d$time, d$status, d$group, none, rho, 0)$statistic, survdiff(S ~ group, d, rho = rho)$chisq, tolerance = 1e-11),
            all.equal(definition(d$time, d$status, d$group, d$stratum, rho, 0)$statistic,
                      survdiff(S ~ group + strata(stratum), d, rho = rho)$chisq, tolerance = 1e-11))
}

# score test for trend, from survdiff: (w'U)^2 / w'Vw
trend <- function(scores) {
  s <- survdiff(S ~ group, d)
  chisq <- sum(scores * (s$obs - s$exp))^2 / as.numeric(scores %*% s$var %*% scores)
  list(scores = scores, statistic = chisq, df = 1, p_value = pchisq(chisq, 1, lower.tail = FALSE))
}
pairs <- combn(4, 2)
pairwise <- data.frame(a = pairs[1, ], b = pairs[2, ], statistic = apply(pairs, 2, function(g) {
  x <- d[d$group %in% g, ]
  survdiff(Surv(time, status) ~ group, x)$chisq
}))
pairwise$p_value <- pchisq(pairwise$statistic, 1, lower.tail = FALSE)
for (m in c("holm", "BH", "bonferroni")) pairwise[[m]] <- p.adjust(pairwise$p_value, m)

write_case(list(
  groups = lapply(rhos, function(rho) test(survdiff(S ~ group, d, rho = rho))),
  sex = lapply(rhos, function(rho) test(survdiff(S ~ sex, d, rho = rho))),
  groups_stratified = lapply(rhos, function(rho) test(survdiff(S ~ group + strata(stratum), d, rho = rho))),
  two_strata = lapply(rhos, function(rho) test(survdiff(S ~ group + strata(stratum, sex), d, rho = rho))),
  definition = fh(none), definition_stratified = fh(d$stratum),
  trend = list(trend(1:4), trend(c(0, 1, 1, 3))), pairwise = pairwise))
