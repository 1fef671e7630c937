# Two stages: a static binary, then an image that holds it, the public CA certificates, the list of its parts, and
# nothing else.
# `--build-arg FEATURES=aws` takes in AWS Secrets Manager, `sesgate rotate` and the SES API; `otlp` the traces; `aws,otlp` both.
FROM rust:1.95-slim-bookworm AS build
ARG FEATURES=""
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY config config
COPY src src
# A target is named so that `crt-static` is for the binary alone and not for the compiler's plug-ins. The caches are
# not part of any layer: a second build compiles what has changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    target="$(rustc -vV | sed -n 's/^host: //p')" \
 && RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --profile dist --features "$FEATURES" --bin sesgate --target "$target" \
 && install -D "target/$target/dist/sesgate" /image/sesgate \
 && config/deploy/sbom "$FEATURES" "$target" libc6-dev 'libgcc-*-dev' ca-certificates >/image/sbom.cdx.json \
 && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt

# The configuration is at /etc/sesgate/sesgate.toml if it is mounted there; else all of it comes from the environment.
FROM scratch
LABEL org.opencontainers.image.title="sesgate" \
      org.opencontainers.image.description="An SMTP relay in front of Amazon SES that judges every mail by IAM policies"
COPY --from=build /image/ /
# Numeric, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 2525
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/sesgate", "health"]
ENTRYPOINT ["/sesgate"]
CMD ["serve"]
