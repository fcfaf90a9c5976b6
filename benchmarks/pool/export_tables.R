# Tables of the R packages mlbench and kernlab (Debian: r-cran-mlbench, r-cran-kernlab) as CSV files with a column `label`.
#
#     Rscript benchmarks/pool/export_tables.R FOLDER
#
# On some tables constants of the audit are chosen, on others it is shown; see audit_sets.py.
library(mlbench)
library(kernlab)

folder <- commandArgs(trailingOnly = TRUE)[1]
if (is.na(folder)) stop("say the folder to write to: Rscript export_tables.R FOLDER")
dir.create(folder, showWarnings = FALSE, recursive = TRUE)

export <- function(name, set, label, without = c()) {
  part <- new.env()
  data(list = set, envir = part)
  rows <- part[[set]]
  rows$label <- rows[[label]]
  rows <- rows[!is.na(rows$label), setdiff(names(rows), c(setdiff(label, "label"), without))]
  write.csv(rows, file.path(folder, paste0(name, ".csv")), row.names = FALSE)
}

# Choosing
export("pima", "PimaIndiansDiabetes2", "diabetes")
export("vehicle", "Vehicle", "Class")
export("ionosphere", "Ionosphere", "Class")
export("letters", "LetterRecognition", "lettr")
export("satellite", "Satellite", "classes")
export("vowel", "Vowel", "Class")
export("soybean", "Soybean", "Class")
export("dna", "DNA", "Class")

# Showing
export("glass", "Glass", "Type")
export("sonar", "Sonar", "Class")
export("votes", "HouseVotes84", "Class")
export("shuttle", "Shuttle", "Class")
export("breast_wisconsin", "BreastCancer", "Class", without = "Id")
export("spam", "spam", "type")
export("musk", "musk", "Class")
export("income", "income", "INCOME")
