# A silo. Built from the repository's root: docker build -t orleanslog .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
# For one platform, so that it is compiled ahead: starting, and the first failover, are mostly just-in-time compilation otherwise.
RUN dotnet publish Silo/Silo.csproj -c Release -o /app --nologo --no-self-contained \
    -a "$(uname -m | sed -e s/x86_64/x64/ -e s/aarch64/arm64/)"

FROM mcr.microsoft.com/dotnet/runtime:10.0
WORKDIR /app
COPY --from=build /app .
# The data directory belongs to the user that the runtime's image has for this.
RUN mkdir /data && chown "$APP_UID" /data
USER $APP_UID
VOLUME /data
ENV OrleansLog__DataDirectory=/data
# 30000: clients; 9092: Kafka clients; 11111: other silos
EXPOSE 30000 9092 11111
# An orderly stop takes a while: leaderships are handed over and logs closed (see stop_grace_period and
# terminationGracePeriodSeconds).
STOPSIGNAL SIGTERM
ENTRYPOINT ["dotnet", "OrleansLog.Silo.dll"]
