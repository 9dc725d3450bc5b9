# Landmark data sets stacked by hand: coxph with effects by landmark, clustered by patient; Wald tests of one effect; risks
# from the baselines of both causes, standardised to the covariates of everybody at the landmark; shares above a threshold.
source("../writing.R")
set.seed(71143)
n <- 320
d <- data.frame(id = 1:n, class = sample(c("none", "ik6", "whole"), n, TRUE, c(.5, .2, .3)),
                m1 = sample(c("low", "mid", "high"), n, TRUE), age = round(runif(n, 1, 17), 1), sex = sample(c("f", "m"), n, TRUE))
d$m2 <- ifelse(runif(n) < .2 + .4 * (d$m1 == "high"), "pos", "neg")
rate <- .08 * exp(.6 * (d$class != "none") + .5 * (d$m1 == "high") + .7 * (d$m2 == "pos") + .04 * d$age)
first <- rexp(n, rate); other <- rexp(n, .08); end <- runif(n, 2, 9)
d$time <- ceiling(pmin(first, other, end) * 40) / 40
d$status <- ifelse(end < pmin(first, other), 0, ifelse(first < other, 1, 2))
d$m1[runif(n) < .06 | d$time <= .5] <- NA
d$m2[runif(n) < .06 | d$time <= 1] <- NA
write_inputs(d, "patients")

at <- c(0, .5, 1); horizon <- 5
sets <- list(cbind(d, entry = -1, lm = 0),                     # an event at time 0 is one: all enter before it
             cbind(subset(d, time > .5 & !is.na(m1)), entry = .5, lm = .5),
             cbind(subset(d, time > 1 & !is.na(m1) & !is.na(m2)), entry = 1, lm = 1))
b <- do.call(rbind, sets)
flag <- function(column, level, l) ifelse(b$lm == l & !is.na(b[[column]]), as.numeric(b[[column]] == level), 0)
for (i in 1:3) {
  for (k in c("ik6", "whole")) b[[paste0(k, i)]] <- flag("class", k, at[i])
  if (i > 1) for (k in c("low", "mid")) b[[paste0(k, i)]] <- flag("m1", k, at[i])
}
b$pos3 <- flag("m2", "pos", 1)
class <- "ik61 + whole1 + ik62 + whole2 + ik63 + whole3"
marks <- "low2 + mid2 + low3 + mid3 + pos3"
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
fitted <- function(terms, cause, rest)
  coxph(as.formula(paste0("Surv(entry, time, status == ", cause, ") ~ ", terms, rest)), b, cluster = id, control = tight)

ratios <- function(f, model, cause) {
  own <- expand.grid(class = c("ik6", "whole"), i = 1:3, stringsAsFactors = FALSE)
  name <- paste0(own$class, own$i)
  data.frame(model = model, cause = cause, landmark = at[own$i], contrast = paste(own$class, "vs none"),
             estimate = coef(f)[name], std_error = sqrt(diag(vcov(f))[name]), row.names = NULL)
}
same <- function(f, model, cause) {
  C <- matrix(0, 4, length(coef(f)), dimnames = list(NULL, names(coef(f)))); row <- 0
  for (k in c("ik6", "whole")) for (i in 2:3) { row <- row + 1; C[row, paste0(k, i)] <- 1; C[row, paste0(k, 1)] <- -1 }
  gap <- C %*% coef(f); w <- c(t(gap) %*% solve(C %*% vcov(f) %*% t(C), gap))
  data.frame(model = model, cause = cause, statistic = w, df = 4, p_value = pchisq(w, 4, lower.tail = FALSE))
}
steps <- function(f, l, sex) {
  h <- basehaz(f, centered = FALSE)
  if (is.null(sex)) h <- h[h$strata == paste0("lm=", l), ]
  else h <- h[h$strata %in% paste0(c("", "lm="), l, ", ", c("", "sex="), sex), ]
  stopifnot(nrow(h) > 0)
  data.frame(time = h$time, step = diff(c(0, h$hazard)))
}
# cells by patients of a landmark
risks <- function(fits, i, cells, people, strata) {
  sexes <- if (strata) c("f", "m") else "all"
  kept <- lapply(fits, function(f) sapply(sexes, function(s) steps(f, at[i], if (strata) s), simplify = FALSE))
  t(sapply(seq_len(nrow(cells)), function(r) sapply(seq_len(nrow(people)), function(p) {
    z <- list(age = people$age[p]); z[[paste0(cells$class[r], i)]] <- 1
    if (i > 1) z[[paste0(cells$m1[r], i)]] <- 1
    if (i == 3) z[[paste0(cells$m2[r], i)]] <- 1
    one <- Map(function(f, own) {
      x <- sapply(names(coef(f)), function(v) if (is.null(z[[v]])) 0 else z[[v]])
      s <- own[[if (strata) people$sex[p] else "all"]]
      list(time = s$time, step = s$step * exp(sum(x * coef(f))))
    }, fits, kept)
    # basehaz has a row for every time of the stratum, so that both causes have the same
    stopifnot(identical(one[[1]]$time, one[[2]]$time))
    in_time <- one[[1]]$time <= horizon; own <- one[[1]]$step[in_time]
    h <- own + one[[2]]$step[in_time]; before <- exp(-(cumsum(h) - h))
    sum(ifelse(h > 0, before * (1 - exp(-h)) * own / h, 0))
  })))
}
answers <- function(rest, strata, adjusted, threshold) {
  total <- lapply(1:2, function(k) fitted(class, k, rest)); full <- lapply(1:2, function(k) fitted(paste(class, "+", marks), k, rest))
  causes <- c("relapse", "death")
  out <- list(effects = do.call(rbind, c(Map(ratios, total, "total", causes), Map(ratios, full, "not through the marks", causes))),
              same = do.call(rbind, c(Map(same, total, "total", causes), Map(same, full, "not through the marks", causes))))
  rows <- NULL; moves <- NULL
  for (i in 1:3) {
    people <- sets[[i]]
    known <- c("class", "m1", "m2")[1:i]
    cells <- unique(people[, known, drop = FALSE])
    key <- function(x) do.call(paste, x[, known, drop = FALSE])
    member <- match(key(people), key(cells))
    pattern <- if (adjusted) people else people[1, ]
    F <- risks(full, i, cells, pattern, strata)
    F <- matrix(F, nrow(cells)); if (!adjusted) F <- F[, rep(1, nrow(people)), drop = FALSE]
    mean_of <- rowMeans(F); size <- tabulate(member, nrow(cells))
    if (i > 1) rows <- rbind(rows, data.frame(landmark = at[i], group = cells$class, m1 = cells$m1, m2 = if (i == 3) cells$m2 else "", n = size, estimate = mean_of))
    for (k in c("none", "ik6", "whole")) {
      own <- cells$class == k
      rows <- rbind(rows, data.frame(landmark = at[i], group = k, m1 = "", m2 = "", n = sum(size[own]), estimate = weighted.mean(mean_of[own], size[own])))
    }
    if (i == 1) next
    after <- F[cbind(member, seq_along(member))]
    parent <- do.call(paste, cells[, known[-i], drop = FALSE])
    before <- sapply(seq_along(member), function(p) { alike <- parent == parent[member[p]]; weighted.mean(F[alike, p], size[alike]) })
    for (k in c("none", "ik6", "whole")) {
      own <- people$class == k; x <- before[own] > threshold; y <- after[own] > threshold
      moves <- rbind(moves, data.frame(landmark = at[i], group = k, term = c("above before", "above after", "moved up", "moved down"),
                                       estimate = c(mean(x), mean(y), mean(y & !x), mean(x & !y))))
    }
  }
  c(out, list(risks = rows, moves = moves, n_excluded = c(0, sum(d$time > .5) - nrow(sets[[2]]), sum(d$time > 1) - nrow(sets[[3]]))))
}
write_case(list(plain = answers(" + strata(lm)", FALSE, FALSE, .45), adjusted = answers(" + age + strata(lm, sex)", TRUE, TRUE, .45)))
