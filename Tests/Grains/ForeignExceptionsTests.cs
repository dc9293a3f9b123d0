using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orleans.Serialization;
using OrleansLog.Grains.Interfaces.Serialization;
using Polly.Timeout;
using Xunit;

namespace OrleansLog.Tests.Grains;

/// <summary>What a silo's libraries throw reaches the caller as what it is.</summary>
public sealed class ForeignExceptionsTests
{
    [Fact]
    public void The_cause_of_what_is_answered_does_not_keep_the_answer_from_being_sent()
    {
        var services = new ServiceCollection();
        services.AddSerializer();
        services.AddForeignExceptions();
        using var provider = services.BuildServiceProvider();
        var serializer = provider.GetRequiredService<Serializer>();
        var thrown = new TimeoutException("no place", new TimeoutRejectedException("30 s", new NpgsqlException("gone")));
        var read = serializer.Deserialize<Exception>(serializer.SerializeToArray<Exception>(thrown));
        Assert.Equal("no place", Assert.IsType<TimeoutException>(read).Message);
        Assert.Equal("30 s", Assert.IsType<TimeoutRejectedException>(read.InnerException).Message);
        Assert.Equal("gone", Assert.IsType<NpgsqlException>(read.InnerException!.InnerException).Message);
    }
}
