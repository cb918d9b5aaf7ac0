using CsCheck;
using FedSpine.Engine;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Simulation;

public class PartitionTests
{
    private static readonly string[] Kinds = ["iid", "dirichlet:0.1", "dirichlet:10", "shards:2", "domains"];

    [Fact]
    public void Every_example_goes_to_one_device_and_no_device_is_empty() =>
        Gen.Select(Gen.Int[0, Kinds.Length - 1].Select(i => Kinds[i]), Gen.Int[1, 20], Gen.Int[20, 200], Gen.Int[1, 6], Gen.ULong).Sample((kind, devices, examples, classes, seed) =>
        {
            int[] labels = [.. Enumerable.Range(0, examples).Select(i => i * 7 % classes)];
            var parts = Partition.Split(kind, devices, examples, labels, labels, seed);
            Assert.Equal(devices, parts.Length);
            Assert.All(parts, Assert.NotEmpty);
            Assert.Equal(Enumerable.Range(0, examples), parts.SelectMany(p => p).Order());
        }, iter: 300);

    [Fact]
    public void Dirichlet_is_more_skewed_the_smaller_alpha()
    {
        int[] labels = [.. Enumerable.Range(0, 4000).Select(i => i % 4)];
        double Skew(string kind) => Partition.Split(kind, 10, labels.Length, labels, null, 3)
            .Average(part => Enumerable.Range(0, 4).Max(l => part.Count(i => labels[i] == l)) / (double)part.Length);
        Assert.True(Skew("dirichlet:0.1") > Skew("dirichlet:1") + 0.1);
        Assert.True(Skew("dirichlet:1") > Skew("dirichlet:100") + 0.1);
        Assert.InRange(Skew("iid"), 0.25, 0.32);
    }

    [Fact]
    public void Shards_give_each_device_few_classes()
    {
        int[] labels = [.. Enumerable.Range(0, 1000).Select(i => i % 10)];
        Assert.All(Partition.Split("shards:2", 10, 1000, labels, null, 1), part => Assert.InRange(part.Select(i => labels[i]).Distinct().Count(), 1, 4));
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(4, 8)]
    [InlineData(4, 3)]
    public void Domains_stay_together(int domains, int devices)
    {
        int[] domain = [.. Enumerable.Range(0, 400).Select(i => i % domains)];
        var parts = Partition.Split("domains", devices, 400, null, domain, 5);
        int most = (domains + devices - 1) / devices;
        Assert.All(parts, part => Assert.InRange(part.Select(i => domain[i]).Distinct().Count(), 1, most));
    }

    [Theory]
    [InlineData("dirichlet")]
    [InlineData("dirichlet:0")]
    [InlineData("dirichlet:-1")]
    [InlineData("shards:0")]
    [InlineData("shards:x")]
    [InlineData("iid:2")]
    [InlineData("alphabetical")]
    [InlineData("")]
    public void An_unknown_partition_is_refused_with_what_there_is(string partition)
    {
        var error = Assert.Throws<InputException>(() => Partition.Check(partition));
        Assert.Contains($"--partition {partition}", error.Message);
        Assert.Contains(Partition.Usage, error.Message);
    }

    [Fact]
    public void Too_few_examples_are_refused() =>
        Assert.Contains("3 training examples", Assert.Throws<InputException>(() => Partition.Split("iid", 4, 3, null, null, 1)).Message);

    [Fact]
    public void Domains_without_domains_are_refused() =>
        Assert.Contains("--domain-column", Assert.Throws<InputException>(() => Partition.Split("domains", 2, 30, null, null, 1)).Message);
}
