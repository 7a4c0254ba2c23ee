# What the rehearsals of manifests ask of the release's files in dist/.

require "digest"
require "pathname"

DIST = Pathname("dist").expand_path
VERSION = `scripts/metadata version`.chomp

def check(condition, what)
  raise what unless condition
end

# The file of DIST that the address names.
def archive_at(url)
  check(url.include?("/releases/download/v#{VERSION}/"), "#{url} is not of this release")
  archive = DIST/File.basename(url)
  check(archive.file?, "#{url} is not among the archives")
  archive
end

def check_sum(archive, sum)
  check(Digest::SHA256.file(archive).hexdigest == sum, "the checksum of #{archive} is another")
end

def unpack(archive, folder)
  command = archive.extname == ".zip" ? ["unzip", "-q", archive, "-d", folder] : ["tar", "-xzf", archive, "-C", folder]
  system(*command.map(&:to_s), exception: true)
end
