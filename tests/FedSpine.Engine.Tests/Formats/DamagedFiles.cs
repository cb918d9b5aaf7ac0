using FedSpine.Bench.Fuzzing;

namespace FedSpine.Engine.Tests.Formats;

/// <summary>A few hundred damaged files for every parser of user files; bench runs a hundred thousand (dotnet run ... -- fuzz).</summary>
public sealed class DamagedFiles
{
    [Fact]
    public void Every_parser_reads_or_refuses_by_name()
    {
        using var parsers = new FuzzParsers();
        foreach (var parser in parsers.Create())
        {
            var result = FuzzRun.Run(parser, 300, seed: 7);
            Assert.True(result.Failures.Count == 0, string.Join(Environment.NewLine, result.Failures.Take(3)));
            Assert.True(result.Refused > 5, $"{parser.Name}: {result.Refused} of {result.Mutations} refused"); // plain text is nearly always valid
        }
    }
}
