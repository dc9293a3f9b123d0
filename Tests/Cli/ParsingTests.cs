using System.Globalization;
using OrleansLog.Cli.Parsing;
using Xunit;

namespace OrleansLog.Tests.Cli;

public sealed class ParsingTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(@"\t", "09")]
    [InlineData(@"a\n\r\0\\b", "610A0D005C62")]
    [InlineData(@"\x1f\xFF", "1FFF")]
    [InlineData("é", "C3A9")]
    [InlineData("", "")]
    public void Escapes_stand_for_their_bytes(string text, string hex) => Assert.Equal(hex, Convert.ToHexString(Escapes.ToBytes(text)));

    [Theory]
    [InlineData(@"\q")]
    [InlineData(@"a\")]
    [InlineData(@"\x1")]
    [InlineData(@"\xzz")]
    public void An_unknown_escape_is_refused(string text) => Assert.Throws<FormatException>(() => Escapes.ToBytes(text));

    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("10s", 10_000)]
    [InlineData("10", 10_000)]
    [InlineData("1.5m", 90_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("1d", 86_400_000)]
    public void Durations_have_units(string text, long milliseconds)
    {
        Assert.True(Durations.TryParse(text, out var value));
        Assert.Equal(milliseconds, (long)value.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ms")]
    [InlineData("-1s")]
    [InlineData("5w")]
    [InlineData("1e3s")]
    [InlineData("99999999999999d")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(Durations.TryParse(text, out _));

    [Theory]
    [InlineData("2026-03-04T11:00:00Z", "2026-03-04T11:00:00Z")]
    [InlineData("2026-03-04T11:00:00", "2026-03-04T11:00:00Z")]
    [InlineData("2026-03-04T11:00:00+02:00", "2026-03-04T09:00:00Z")]
    [InlineData("2026-03-04", "2026-03-04T00:00:00Z")]
    [InlineData("-15m", "2026-03-04T11:45:00Z")]
    [InlineData("now", "2026-03-04T12:00:00Z")]
    [InlineData("@1000", "1970-01-01T00:00:01Z")]
    public void Moments_are_absolute_or_ago(string text, string expected)
    {
        Assert.True(PointInTime.TryParse(text, Now, out var timestampMs));
        Assert.Equal(DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds(), timestampMs);
    }

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("12")]
    [InlineData("-15x")]
    [InlineData("@x")]
    [InlineData("15m")]
    [InlineData("2026-13-01")]
    public void What_is_no_moment_is_refused(string text) => Assert.False(PointInTime.TryParse(text, Now, out _));

    [Theory]
    [InlineData("localhost:1", "localhost:1")]
    [InlineData("a:1, b:2", "a:1,b:2")]
    [InlineData("host", "host:30000")]
    [InlineData("[::1]:5", "[::1]:5")]
    [InlineData("[::1]", "[::1]:30000")]
    public void Endpoints_are_a_list_of_host_and_port(string text, string expected) =>
        Assert.Equal(expected, string.Join(',', Endpoints.Parse(text)));

    [Theory]
    [InlineData("")]
    [InlineData(",")]
    [InlineData(":5")]
    [InlineData("a:0")]
    [InlineData("a:65536")]
    [InlineData("a:b")]
    [InlineData("::1:5")]
    public void What_is_no_endpoint_is_refused(string text) => Assert.Throws<FormatException>(() => Endpoints.Parse(text));

    [Theory]
    [InlineData("12", 12)]
    [InlineData("1_000", 1000)]
    [InlineData("16k", 16384)]
    [InlineData("2M", 2097152)]
    [InlineData("-3", -3)]
    public void Numbers_may_have_a_size(string text, long expected) => Assert.Equal(expected, Numbers.Parse(text, -10, 1 << 30));

    [Theory]
    [InlineData("x")]
    [InlineData("")]
    [InlineData("k")]
    [InlineData("1.5")]
    [InlineData("-11")]
    [InlineData("9223372036854775807g")]
    [InlineData("99999999999999999999")]
    public void What_is_no_number_within_the_bounds_is_refused(string text) =>
        Assert.Throws<FormatException>(() => Numbers.Parse(text, -10, 1 << 30));

    [Fact]
    public void Pairs_keep_their_order_and_the_further_equals_signs()
    {
        Assert.Equal([new("a", "b=c"), new("a", "")], KeyValues.ParseList(["a=b=c", "a="]));
        Assert.Throws<FormatException>(() => KeyValues.ParseList(["a"]));
        Assert.Throws<FormatException>(() => KeyValues.ParseList(["=a"]));
        Assert.Throws<FormatException>(() => KeyValues.ParseMap(["a=1", "a=2"]));
    }
}
