"""What the test is made of, as files: ground truth of subjects and of photos of two, general questions."""
