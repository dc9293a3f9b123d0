using OrleansLog.Kafka.Protocol;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Requests that real clients sent are understood to their last byte, and answered.</summary>
public sealed class RecordedFramesTests
{
    [Fact]
    public async Task Each_is_answered_and_refused_when_its_last_byte_is_missing()
    {
        await using var silo = await KafkaSilo.StartAsync();
        foreach (var frame in RecordedFrames.All)
        {
            using var peer = await silo.ConnectAsync();
            var response = await peer.ReplayAsync(frame.Bytes);
            Assert.True(response.Length > 0, $"{frame.Client}: {(ApiKey)frame.ApiKey} {frame.ApiVersion}");
            Assert.Equal(ErrorCode.None, (await peer.MetadataAsync("t")).Error);

            using var other = await silo.ConnectAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => other.ReplayAsync(frame.Bytes[..^1]));
        }
    }
}
