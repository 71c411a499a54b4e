# A question to a release over S3, in R: how many persons there are, and how many of each gender. docs/how-to/read-a-release.md
#
#   Rscript read_release.R PYTHON HOST:PORT CA BUCKET DIGEST        (access key: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)

given <- commandArgs(trailingOnly = TRUE)
reticulate::use_python(given[[1]], required = TRUE)
fs <- reticulate::import("pyarrow.fs")
ds <- reticulate::import("pyarrow.dataset")
pc <- reticulate::import("pyarrow.compute")

s3 <- fs$S3FileSystem(
  access_key = Sys.getenv("AWS_ACCESS_KEY_ID"), secret_key = Sys.getenv("AWS_SECRET_ACCESS_KEY"),
  endpoint_override = given[[2]], region = "eu-west-3", tls_ca_file_path = given[[3]]
)
bucket <- given[[4]]

read_table <- function(release, name) {
  table <- Filter(function(table) table$name == name, release$tables)[[1]]
  files <- lapply(table$parts, function(part) sprintf("%s/objects/%s.parquet", bucket, part$sha256))
  found <- ds$dataset(files, filesystem = s3, format = "parquet")
  # Keys have 63 bits, R's numbers hold 53: as text, two persons never become one.
  columns <- lapply(found$schema$names, function(column) {
    key <- as.character(found$schema$field(column)$type) == "int64"
    if (key) pc$field(column)$cast("string") else pc$field(column)
  })
  rows <- found$to_table(columns = setNames(columns, found$schema$names))
  as.data.frame(rows$to_pydict(), stringsAsFactors = FALSE)
}

manifest <- s3$open_input_stream(sprintf("%s/manifests/%s.json", bucket, given[[5]]))$read()
release <- jsonlite::fromJSON(manifest$decode("utf-8"), simplifyVector = FALSE)$release
persons <- read_table(release, "person")
cat(jsonlite::toJSON(list(
  persons = length(unique(persons$person_id)), genders = as.list(table(persons$gender_concept_id))
), auto_unbox = TRUE), "\n")
fs$finalize_s3() # before R ends: or Arrow ends it
