using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests;

/// <summary>The cases' gradient mode: what backward passes are compared with is itself the derivative of the forward pass.</summary>
public sealed class GradientTests
{
    public static TheoryData<string> Suites => [.. CaseSuite.All.Where(s => s.GradientCases.Any()).Select(s => s.Name)];

    [Theory, MemberData(nameof(Suites))]
    public void ReferenceGradientsAreThoseOfFiniteDifferences(string suite)
    {
        foreach (var backward in CaseSuite.All.Single(s => s.Name == suite).GradientCases)
        {
            var errors = backward.GradientErrors().ToList();
            Assert.NotEmpty(errors);
            Assert.All(errors, e => Assert.True(e.Error < 1e-7, $"{backward}: {e.Gradient} is {e.Error} from finite differences"));
        }
    }

    [Fact]
    public void EveryOperatorHasASuite() =>
        Assert.Superset(Enum.GetValues<Operator>().ToHashSet(), CaseSuite.All.SelectMany(s => s.LargeCases.Concat(s.Cases)).Select(c => c.Operator).ToHashSet());
}
