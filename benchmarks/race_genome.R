# Times fisher.test over all pairs of the alterations that genome.py wrote: Rscript race_genome.R alterations.csv
# CPU time (user + system), median of repetitions after a warm-up; prints one JSON object.
args <- commandArgs(trailingOnly = TRUE)
d <- read.csv(args[1])
pairs <- combn(ncol(d), 2)
all_pairs <- function() vapply(seq_len(ncol(pairs)), function(k) {
  t <- table(factor(d[[pairs[1, k]]], 1:0), factor(d[[pairs[2, k]]], 1:0))
  fisher.test(t)$p.value
}, 0)
p <- all_pairs()
times <- vapply(1:5, function(i) { s <- system.time(all_pairs(), gcFirst = FALSE); s[["user.self"]] + s[["sys.self"]] }, 0)
version <- paste(R.version$major, R.version$minor, sep = ".")
cat(sprintf('{"program": "fisher.test (R %s)", "seconds": %.6g, "value": %.15g}\n', version, median(times), mean(p)))
