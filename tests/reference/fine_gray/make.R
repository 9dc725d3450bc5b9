# crr of cmprsk carried to convergence (its own stop is a score of 1e-6), and the sandwich of Fine and Gray (1999) from its
# definition, one row and one time at a time, where crr has none (clusters) or another one (censoring groups).
source("../writing.R")
d <- read.csv("../cox_first/patients.csv")
d$time <- d$time + 1             # crr takes censorings at time 0 for earlier than events at time 0; the model knows only the order
X <- model.matrix(~ group + age + male, d)[, -1]
pbc <- read.csv("../founding/pbc_cc.csv")
P <- as.matrix(pbc[, c("age", "lbili", "edema")])

# eta and psi of every row. within: events of the cause counted in q(s) are those of the row's own censoring group alone.
influence <- function(t, s, x, b, g = rep(1, length(t)), within = FALSE) {
  n <- length(t); r <- exp(c(x %*% b)); tau <- sort(unique(t[s == 1])); p <- ncol(x)
  G <- function(u, k) {                                              # Kaplan-Meier of censoring just before u, in group k
    if (u > max(t[g == k])) return(0)
    v <- 1
    for (y in sort(unique(t[g == k & s == 0 & t < u]))) v <- v * (1 - sum(t == y & s == 0 & g == k) / sum(t >= y & g == k))
    v
  }
  own <- sapply(1:n, function(i) G(t[i], g[i]))
  Gt <- sapply(tau, function(u) sapply(sort(unique(g)), function(k) G(u, k)))
  Gt <- matrix(Gt, ncol = length(tau)); k <- match(g, sort(unique(g)))
  W <- sapply(seq_along(tau), function(j) ifelse(t >= tau[j], 1, ifelse(s == 2, Gt[k, j] / own, 0)))
  S0 <- colSums(W * r); E <- t(sapply(seq_along(tau), function(j) colSums(W[, j] * r * x) / S0[j])); if (p == 1) E <- matrix(E, ncol = 1)
  D <- sapply(tau, function(u) sum(t == u & s == 1)); dH <- D / S0
  M <- sapply(seq_along(tau), function(j) (t == tau[j] & s == 1) - r * dH[j]) * W      # w dM
  eta <- sapply(1:p, function(a) rowSums(M * (outer(x[, a], rep(1, length(tau))) - rep(E[, a], each = n))))
  psi <- matrix(0, n, p)
  for (c in unique(g)) for (u in sort(unique(t[s == 0 & g == c]))) {
    i <- which(g == c & t < u); use <- tau >= u & (!within | sapply(tau, function(v) any(t == v & s == 1 & g == c)))
    if (within) D2 <- sapply(tau, function(v) sum(t == v & s == 1 & g == c)) / D else D2 <- rep(1, length(tau))
    q <- sapply(1:p, function(a) -sum(((M * (outer(x[, a], rep(1, length(tau))) - rep(E[, a], each = n)))[i, , drop = FALSE])[, use, drop = FALSE]
                                      %*% diag(D2[use], sum(use))))
    pi <- sum(t >= u & g == c); h <- sum(t == u & s == 0 & g == c) / pi
    for (m in which(g == c)) psi[m, ] <- psi[m, ] + q / pi * ((t[m] == u & s[m] == 0) - (t[m] >= u) * h)
  }
  eta + psi
}
named <- function(f, x, extra = list()) {
  se <- unname(sqrt(diag(f$var)))
  c(list(term = colnames(x), coef = unname(f$coef), se = se, covariance = unname(f$var), loglik = c(f$loglik.null, f$loglik),
         time = f$uftime, baseline = cumsum(f$bfitj), schoenfeld = unname(f$res), naive = unname(sqrt(diag(f$invinf)))), extra)
}
fit <- function(t, s, x, code = 1, ...) {
  f <- crr(t, s, x, failcode = code, gtol = 1e-13, maxiter = 60, ...)
  for (again in 1:3) {                               # its line search gives up on rounding near the maximum; a full Newton step does not
    f <- crr(t, s, x, failcode = code, gtol = 1e-30, maxiter = 0, init = c(f$coef + f$invinf %*% f$score), ...)
  }
  stopifnot(max(abs(f$invinf %*% f$score) / sqrt(diag(f$invinf))) < 1e-10)
  f
}
sandwich <- function(f, U, cluster = seq_len(nrow(U))) sqrt(diag(f$invinf %*% crossprod(rowsum(U, cluster)) %*% f$invinf))

main <- fit(d$time, d$status, X)
U <- influence(d$time, d$status, X, main$coef)
stopifnot(max(abs(sandwich(main, U) / sqrt(diag(main$var)) - 1)) < 1e-8)             # the definition is what crr computes
d$family <- rep(1:60, 4)
codes <- match(d$group, sort(unique(d$group)))

# With censoring groups crr counts in q(s) only those events of the cause that fell in the row's own group, while the cumulative
# hazard of its model is common to all groups; the sandwich kept here counts all of them. Shown: crr's is the former.
two <- X[, c("age", "male")]
grouped <- fit(d$time, d$status, two, cengroup = codes)
of_grouped <- function(within) sandwich(grouped, influence(d$time, d$status, two, grouped$coef, codes, within))
stopifnot(max(abs(of_grouped(TRUE) / sqrt(diag(grouped$var)) - 1)) < 1e-10)

d$weight <- rep(c(1, 2, 1, 3), 60)
write_inputs(d[, c("group", "age", "male", "time", "status", "family", "weight")], "patients")
again <- rep(seq_len(nrow(d)), d$weight)
everybody <- coxph(Surv(time, status > 0) ~ X, d, ties = "breslow", robust = TRUE, control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50))
new <- rbind(c(0, 0, 0, 8, 1), c(0, 1, 0, 3.5, 0))
at <- c(2, 6, 15, 30)
incidence <- unname(predict(main, new)[, -1])
steps <- findInterval(at, main$uftime)

write_case(list(
  relapse = named(main, X),
  death = named(fit(d$time, d$status, X, code = 2), X),
  weighted = named(fit(d$time[again], d$status[again], X[again, ]), X),
  pbc = named(fit(pbc$years, pbc$status, P, code = 2), P),
  no_competing = list(coef = unname(coef(everybody)), se = unname(sqrt(diag(everybody$var))), naive = unname(sqrt(diag(everybody$naive.var))),
                      loglik = everybody$loglik),
  cluster = list(se = unname(sandwich(main, U, d$family))),
  censoring_groups = named(grouped, two, list(sandwich = unname(of_grouped(FALSE)))),
  score_residuals = unname(U),
  incidence = list(at = at, values = lapply(steps, function(k) incidence[k, ]))))
