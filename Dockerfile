# A silo. Built from the repository's root: docker build -t orleanslog .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish Silo/Silo.csproj -c Release -o /app --nologo

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
