using System.Globalization;
using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>kafka-python and confluent-kafka, unmodified: each checks what it reads itself.</summary>
public sealed class PythonClientsTests
{
    [PythonClientsFact]
    public async Task Both_produce_consume_and_administer_and_place_keys_alike()
    {
        await using var silo = await KafkaSilo.StartAsync();
        var bootstrap = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{silo.Port}");
        var placed = await RealClient.RunScriptAsync("kafka_python.py", bootstrap, "by-kafka-python");
        var others = await RealClient.RunScriptAsync("confluent.py", bootstrap, "by-confluent");
        Assert.NotEmpty(placed);
        Assert.Equal(Distinct(others), Distinct(placed));

        static string[] Distinct(string lines) =>
            [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct().Order(StringComparer.Ordinal)];
    }
}
