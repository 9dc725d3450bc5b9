# Values of globaltest (Bioconductor); run with library(globaltest) in this folder. Sets are in values.json.
source("../writing.R")

library(globaltest)

d <- read.csv("patients.csv")
peptides <- read.csv("peptides.csv", row.names = 1)
sets <- jsonlite::fromJSON("values.json")$sets

of_set <- function(members, adjusted) {
  x <- t(as.matrix(peptides[members, d$sample]))
  test <- if (adjusted) gt(Surv(d$time, d$status) ~ sex, alternative = x, data = d)
          else gt(Surv(d$time, d$status), alternative = x)
  as.list(result(test))
}

write_case(list(
  sets = sets,
  survival = lapply(sets, of_set, adjusted = FALSE),
  survival_adj_sex = lapply(sets, of_set, adjusted = TRUE)
))
