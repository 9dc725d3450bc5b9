# camera, fry and roast with a batch and small sets; hclust with missing values; exact tests of bands by enumeration.
source("../writing.R")
suppressPackageStartupMessages(library(limma))
set.seed(20150415)
n <- 16; G <- 80
samples <- data.frame(sample = sprintf("s%02d", 1:n), deleted = rep(0:1, each = 8), batch = rep(c("a", "b", "b", "a"), 4))
shared <- rnorm(n)
m <- matrix(rnorm(G * n, 10, rep(exp(rnorm(G, 0, .3)), n)), G)
m[1:15, ] <- m[1:15, ] + rep(.6 * shared, each = 15)
m[1:6, samples$deleted == 1] <- m[1:6, samples$deleted == 1] + 1
m <- round(m + rep(.8 * (samples$batch == "b"), each = G), 4)
rownames(m) <- sprintf("p%02d", 1:G); colnames(m) <- samples$sample
gaps <- m
gaps[sample(G * n, 60)] <- NA
write_inputs(samples, "samples")
write_inputs(data.frame(peptide = rownames(m), m), "peptides")
write_inputs(data.frame(peptide = rownames(gaps), gaps), "gaps")

sets <- list(shifted = 1:6, alike = 7:15, plain = 30:60, one = 70, wide = seq(1, 80, 4), mixed = c(1:3, 16:25))
X <- model.matrix(~ batch + deleted, samples)
rows <- function(f) data.frame(term = rownames(f), f, row.names = NULL)
test <- list(camera = rows(camera(m, sets, X, 3, sort = FALSE)), estimated = rows(camera(m, sets, X, 3, inter.gene.cor = NA, sort = FALSE)),
             ranks = rows(camera(m, sets, X, 3, use.ranks = TRUE, inter.gene.cor = 0.05, sort = FALSE)),
             fry = rows(fry(m, sets, X, 3, sort = "none")), roast = rows(mroast(m, sets, X, 3, nrot = 99999, sort = "none")))
score <- t(sapply(sets, function(i) colMeans(m[i, , drop = FALSE])))
means <- do.call(rbind, lapply(names(sets), function(s) {
  f <- summary(lm(score[s, ] ~ batch + deleted, samples)); l <- confint(lm(score[s, ] ~ batch + deleted, samples))
  data.frame(term = s, estimate = f$coefficients[3, 1], std_error = f$coefficients[3, 2], statistic = f$coefficients[3, 3],
             p_value = f$coefficients[3, 4], low = l[3, 1], high = l[3, 2], df = f$df[2])
}))
pca <- prcomp(t(m[sets$wide, ]), scale. = TRUE)

tree <- function(d, how) { h <- hclust(d, how); list(height = h$height, two = unname(cutree(h, 2)), four = unname(cutree(h, 4))) }
trees <- list(pearson = tree(as.dist(1 - cor(gaps, use = "pairwise.complete.obs")), "average"),
              euclidean = tree(dist(t(gaps)), "ward.D2"), peptides = tree(as.dist(1 - cor(t(m), method = "spearman")), "complete"))

# every assignment of lanes to the first group, as likely as any other
bands <- rbind(c(0, 0, 1, 3, 2, 3, 3, 0, 0, 0, 1, 0, 2, 1), c(3, 2, 1, 0, 0, 0, 1, 1, 2, 3, 3, 2, 2, 0), c(0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0))
first <- c(rep(TRUE, 6), rep(FALSE, 8))
exact <- function(x) {
  all <- combn(14, 6); sums <- apply(all, 2, function(i) sum(x[i])); middle <- 6 * mean(x)
  mean(abs(sums - middle) >= abs(sum(x[first]) - middle) - 1e-9)
}
blots <- list(bands = bands, linear = apply(bands, 1, exact), wilcoxon = apply(bands, 1, function(x) exact(rank(x))),
              fisher = apply(bands, 1, function(x) fisher.test(table(factor(x > 0, c(FALSE, TRUE)), first))$p.value))

cluster <- trees$pearson$four; sex <- rep(c("f", "m"), 8); age <- c(3, 7, 7, 2, 12, 9, 4, 4, 15, 1, 6, 8, 10, 3, 5, 11)
annotations <- list(age = age, chi_square = unname(suppressWarnings(chisq.test(table(cluster, sex), correct = FALSE))$statistic),
                    kruskal = unname(kruskal.test(age, cluster)$statistic))
# pseudo-F of Anderson (2001) from its sums of squares
D2 <- as.matrix(as.dist(1 - cor(gaps, use = "pairwise.complete.obs")))^2
within <- sum(sapply(unique(sex), function(s) sum(D2[sex == s, sex == s]) / (2 * sum(sex == s)))); total <- sum(D2) / (2 * n)
annotations$pseudo_f <- (total - within) / (within / (n - 2))
J <- diag(n) - 1 / n; inner <- -J %*% D2 %*% J / 2; z <- cbind(1, age); H <- z %*% solve(crossprod(z)) %*% t(z)
annotations$pseudo_f_age <- sum(diag(H %*% inner %*% H)) / (sum(diag((diag(n) - H) %*% inner %*% (diag(n) - H))) / (n - 2))

write_case(list(sets = sets, tests = test, means = means, wide = list(score = unname(pca$x[, 1]), share = summary(pca)$importance[2, 1],
                loadings = sum(pca$rotation[, 1]), variance = pca$sdev[1]^2 / sum(pca$sdev^2)), trees = trees, blots = blots, annotations = annotations))
cat(paste("limma", packageVersion("limma")), "\n", file = "session.txt", append = TRUE, sep = "")
