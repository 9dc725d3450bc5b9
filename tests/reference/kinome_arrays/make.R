# Normalisation and principal components of a small matrix with ties and missing values.
source("../writing.R")
suppressPackageStartupMessages(library(limma))
set.seed(20)
m <- matrix(round(rnorm(40 * 6, 9, 2), 6), 40, 6, dimnames = list(paste0("pep", 1:40), paste0("s", 1:6)))
m <- round(sweep(m, 2, c(0, 0.5, 1, -0.5, 2, 0), "+"), 6)
tied <- round(m)
missing <- m; missing[sample(240, 45)] <- NA; missing[3:40, 6] <- NA
both <- round(missing)
write_inputs(data.frame(peptide = rownames(m), m), "complete")
write_inputs(data.frame(peptide = rownames(m), missing), "missing")
rows <- function(x) lapply(seq_len(nrow(x)), function(i) unname(x[i, ]))
pca <- prcomp(t(m), center = TRUE, scale. = FALSE)
groups <- factor(c("a", "a", "b", "b", "c", "c"))
shares <- apply(pca$x[, 1:4], 2, function(x) summary(lm(x ~ groups))$r.squared)
p <- apply(pca$x[, 1:4], 2, function(x) anova(lm(x ~ groups))[1, 5])
target <- runif(60) < 0.3
statistic <- round(rnorm(60) + 0.5 * target, 1)          # with ties
hit <- statistic > 0.8
write_inputs(data.frame(peptide = paste0("pep", 1:60), target = as.integer(target), statistic), "targets")
fisher <- fisher.test(table(hit, target), conf.level = 0.9)
# fisher.test stops its search at 1e-4: the same equations of the noncentral hypergeometric distribution, searched on
exact <- local({
  x <- sum(hit & target); n1 <- sum(target); n0 <- sum(!target); k <- sum(hit); s <- max(0, k - n0):min(k, n1)
  density <- function(psi) { d <- exp(dhyper(s, n1, n0, k, log = TRUE) + log(psi) * s); d / sum(d) }
  found <- function(f) exp(uniroot(function(l) f(density(exp(l))), c(-6, 6), tol = 1e-14)$root)
  c(found(function(d) sum(s * d) - x), found(function(d) sum(d[s >= x]) - 0.05), found(function(d) sum(d[s <= x]) - 0.05))
})
stopifnot(abs(exact / c(fisher$estimate, fisher$conf.int) - 1) < 1e-3)
wilcoxon <- wilcox.test(statistic[target], statistic[!target], exact = FALSE)
write_case(list(
  fisher = list(p = fisher$p.value, estimate = exact[1], low = exact[2], high = exact[3]),
  wilcoxon = list(p = wilcoxon$p.value, estimate = unname(wilcoxon$statistic) / (sum(target) * sum(!target))),
  complete = rows(normalizeQuantiles(m)),
  complete_unshared = rows(normalizeQuantiles(m, ties = FALSE)),
  tied = rows(normalizeQuantiles(tied)),
  tied_unshared = rows(normalizeQuantiles(tied, ties = FALSE)),
  missing = rows(normalizeQuantiles(missing)),
  both = rows(normalizeQuantiles(both)),
  median = rows(normalizeMedianValues(m)),
  median_missing = rows(normalizeMedianValues(missing)),
  pca = list(share = pca$sdev^2 / sum(pca$sdev^2), scores = rows(abs(unname(pca$x[, 1:4]))),
             r_squared = unname(shares), p = unname(p))))
writeLines(c(readLines("session.txt"), paste("limma", packageVersion("limma"))), "session.txt")
