using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Tests.Reporting;

public class UnitsTests
{
    [Theory]
    [InlineData(0.9344, "93.4 %")]
    [InlineData(-0.00001, "0.0 %")]
    [InlineData(double.NaN, "–")]
    public void Percent(double value, string expected) => Assert.Equal(expected, Units.Percent(value));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(0.0001234, "0.000123")]
    [InlineData(0.1234, "0.123")]
    [InlineData(0.9999, "1.00")]
    [InlineData(9.996, "10.0")]
    [InlineData(99.96, "100")]
    [InlineData(12345, "12,345")]
    [InlineData(double.PositiveInfinity, "–")]
    public void Significant(double value, string expected) => Assert.Equal(expected, Units.Significant(value));

    [Theory]
    [InlineData(999, "999")]
    [InlineData(9999, "9,999")]
    [InlineData(10000, "10.0 k")]
    [InlineData(999_600, "1.00 M")]
    [InlineData(1_234_567, "1.23 M")]
    public void Count(double value, string expected) => Assert.Equal(expected, Units.Count(value));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(999_999, "1.00 MB")]
    [InlineData(2_500_000_000, "2.50 GB")]
    public void Bytes(double value, string expected) => Assert.Equal(expected, Units.Bytes(value));

    [Theory]
    [InlineData(89, "89.0 s")]
    [InlineData(90, "1.50 min")]
    [InlineData(7200, "2.00 h")]
    public void Duration(double value, string expected) => Assert.Equal(expected, Units.Duration(value));
}
