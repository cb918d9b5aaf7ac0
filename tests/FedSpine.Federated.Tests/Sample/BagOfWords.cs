using FedSpine.Federated.Sample;

namespace FedSpine.Federated.Tests.Sample;

/// <summary>Two classifiers that see which words a sentence holds and not where.</summary>
internal static class BagOfWords
{
    /// <summary>Bernoulli naive Bayes with add-one smoothing.</summary>
    public static double NaiveBayesAccuracy(SampleSentence[] train, SampleSentence[] test)
    {
        var counts = new Dictionary<string, (int Negative, int Positive)>();
        foreach (SampleSentence sentence in train)
        {
            foreach (string word in sentence.Text.Split(' ').Distinct())
            {
                var (negative, positive) = counts.GetValueOrDefault(word);
                counts[word] = IsPositive(sentence) ? (negative, positive + 1) : (negative + 1, positive);
            }
        }
        int correct = 0;
        foreach (SampleSentence sentence in test)
        {
            double odds = 0;
            foreach (string word in sentence.Text.Split(' ').Distinct())
            {
                var (negative, positive) = counts.GetValueOrDefault(word);
                odds += Math.Log((positive + 1.0) / (negative + 1.0));
            }
            correct += odds > 0 == IsPositive(sentence) ? 1 : 0;
        }
        return correct / (double)test.Length;
    }

    /// <summary>Logistic regression on word presence by plain stochastic gradient descent.</summary>
    public static double LogisticRegressionAccuracy(SampleSentence[] train, SampleSentence[] test)
    {
        var weights = new Dictionary<string, double>();
        double Logit(string[] words) => words.Sum(word => weights.GetValueOrDefault(word));
        for (int epoch = 0; epoch < 10; epoch++)
        {
            double rate = 0.1 / (1 + epoch);
            foreach (SampleSentence sentence in train)
            {
                string[] words = [.. sentence.Text.Split(' ').Distinct()];
                double error = (IsPositive(sentence) ? 1 : 0) - 1 / (1 + Math.Exp(-Logit(words)));
                foreach (string word in words)
                    weights[word] = weights.GetValueOrDefault(word) + rate * error;
            }
        }
        return test.Count(sentence => Logit([.. sentence.Text.Split(' ').Distinct()]) > 0 == IsPositive(sentence)) / (double)test.Length;
    }

    private static bool IsPositive(SampleSentence sentence) => sentence.Label == "positive";
}
