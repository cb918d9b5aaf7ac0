namespace FedSpine.Engine.Tests;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("1GiB", 1L << 30)]
    [InlineData("1.5 gib", 3L << 29)]
    [InlineData("900MB", 900_000_000L)]
    [InlineData("2G", 2L << 30)]
    [InlineData("512k", 512L << 10)]
    [InlineData("3kB", 3000L)]
    [InlineData("4096", 4096L)]
    [InlineData("77 B", 77L)]
    public void Amounts_are_read(string text, long expected)
    {
        Assert.True(ByteSize.TryParse(text, out long bytes));
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1GiB")]
    [InlineData("GiB")]
    [InlineData("1TB")]
    [InlineData("1e9")]
    [InlineData("NaN")]
    [InlineData("99999999999999GiB")]
    public void Anything_else_is_refused(string text) => Assert.False(ByteSize.TryParse(text, out _));

    [Theory]
    [InlineData(1L << 30, "1 GiB")]
    [InlineData(1_288_490_189, "1.2 GiB")]
    [InlineData(65_432_109, "62.4 MiB")]
    [InlineData(500_000_000, "477 MiB")]
    [InlineData(2048, "2 KiB")]
    public void Amounts_are_written(long bytes, string expected) => Assert.Equal(expected, ByteSize.Format(bytes));
}
