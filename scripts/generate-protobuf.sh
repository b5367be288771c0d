#!/bin/sh
# Writes the Swift code of the protocols anew, which is committed beside them: scripts/generate-protobuf.sh [PLUGINS]
# PLUGINS: a folder that has protoc-gen-swift and protoc-gen-grpc-swift-2; without it they are built from the packages that
# this one uses. protoc is Debian's (protobuf-compiler).
set -eu
cd "$(dirname "$0")/.."
plugins=${1:-}
if [ -z "$plugins" ]; then
    for product in protoc-gen-swift protoc-gen-grpc-swift-2; do swift build --product "$product"; done
    plugins=$(swift build --show-bin-path)
fi
for module in XCF CouplingFacilities; do
    folder=Sources/$module
    # A module without a service has nothing to generate.
    grep -qs '^service' "$folder"/Protos/*.proto || continue
    rm -rf "$folder/Generated"
    mkdir -p "$folder/Generated"
    protoc --proto_path="$folder/Protos" \
        --plugin="$plugins/protoc-gen-swift" --swift_opt=Visibility=Internal,UseAccessLevelOnImports=true,FileNaming=DropPath \
        --swift_out="$folder/Generated" \
        --plugin="$plugins/protoc-gen-grpc-swift-2" \
        --grpc-swift-2_opt=Visibility=Internal,UseAccessLevelOnImports=true,FileNaming=DropPath \
        --grpc-swift-2_out="$folder/Generated" "$folder"/Protos/*.proto
done
